// The routes for people, from the document for machines.

import { element } from "./charts.js";

const api = await (await fetch("/api/openapi.json")).json();

/** A paragraph; what stands in `backticks` is code. */
function paragraph(text) {
  const made = element("p");
  made.append(...text.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part)));
  return made;
}

function answerIn(code, answer) {
  const kinds = Object.keys(answer.content ?? {}).join(", ");
  return paragraph(`${code}: ${kinds ? `${kinds}. ` : ""}${answer.description}`);
}

document.getElementById("description").append(
  ...api.info.description.split("\n\n").map(paragraph),
  paragraph("Any request may be answered by:"),
  ...Object.entries(api.components.responses).map(([code, answer]) => answerIn(code, answer)),
);
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, told] of Object.entries(methods)) {
    const section = element("section");
    const head = element("h2");
    const name = `${method.toUpperCase()} ${path}`;
    head.append(path.includes("{") ? element("code", {}, name) : element("a", { href: path }, name));
    section.append(head, paragraph(told.summary));
    for (const { name: parameter, description } of told.parameters ?? []) {
      section.append(paragraph(`${parameter}: ${description}`));
    }
    const own = Object.entries(told.responses).filter(([, answer]) => !("$ref" in answer));
    section.append(...own.map(([code, answer]) => answerIn(code, answer)));
    document.getElementById("paths").append(section);
  }
}
