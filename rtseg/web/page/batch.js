// The list of a batch: asked for every second, redrawn where it has changed.

import { element } from "./charts.js";

const STATES = ["under way", "waiting", "done", "done before", "cut", "failed"];
const at = (id) => document.getElementById(id);
let only = null, latest = null;

async function look() {
  const answer = await fetch("/api/batch").catch(() => null);
  if (answer?.ok) {
    latest = await answer.json();
    show();
  } else if (!latest || latest.running) {
    at("status").dataset.state = "wait";
    at("status").textContent = "connecting again";
  }
  setTimeout(look, document.hidden ? 5000 : 1000);
}

function show() {
  const { films, frames, seconds, running } = latest;
  const ended = films.filter(({ state }) => !["waiting", "under way"].includes(state)).length;
  at("title").textContent = `${ended} of ${films.length} films`;
  at("speed").textContent = `${frames} frames, ${seconds ? (frames / seconds).toFixed(1) : "–"} fps`;
  at("status").dataset.state = running ? "on" : "over";
  at("status").textContent = running ? "running" : "the batch is over";
  document.title = `${ended}/${films.length} – rtseg batch`;
  showCounts(films);
  const shown = films.filter(({ state }) => only === null || state === only);
  const body = at("films");
  while (body.rows.length > shown.length) body.deleteRow(-1);
  shown.forEach((film, index) => fill(body.rows[index] ?? body.insertRow(), film));
}

function showCounts(films) {
  const counts = at("counts");
  if (!counts.children.length) {
    counts.append(...STATES.map((state) => {
      const button = element("button", { type: "button", "aria-pressed": "false", "data-state": state });
      button.addEventListener("click", () => {
        only = only === state ? null : state;
        show();
      });
      return button;
    }));
  }
  for (const button of counts.children) {
    const state = button.dataset.state, count = films.filter((film) => film.state === state).length;
    button.textContent = `${count} ${state}`;
    button.hidden = !count && only !== state;
    button.setAttribute("aria-pressed", String(only === state));
  }
}

function fill(row, { source, state, frames, seconds, error }) {
  const texts = [source, state, frames || "", seconds ? seconds.toFixed(1) : "", error ?? ""];
  row.dataset.state = state;
  while (row.cells.length < texts.length) row.insertCell();
  texts.forEach((text, index) => {
    const cell = row.cells[index];
    if (index === 2 || index === 3) cell.className = "number";
    if (cell.textContent !== String(text)) cell.textContent = text;
  });
}

look();
