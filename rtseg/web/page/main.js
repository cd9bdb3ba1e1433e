// The page: what comes over the line goes to the view and the charts, what is clicked to the view.

import { bars, element, Lines, spans } from "./charts.js";
import { Line } from "./line.js";
import { unpack } from "./packet.js";
import { greyPng } from "./png.js";
import { Film } from "./rtc.js";
import { View } from "./view.js";

const at = (id) => document.getElementById(id);
const view = new View(at("canvas"));
const charts = {
  fps: new Lines(at("charts"), "Frames a second", ["run", "here"], 1),
  latency: new Lines(at("charts"), "Latency, ms", ["p50", "p99"], 1),
  age: new Lines(at("charts"), "Age of the picture, ms", [""], 0),
  missed: new Lines(at("charts"), "Missed", [""], 0),
};
const JPEGS = "WebSocket, JPEG";
let film = null, paused = false, looksBack = false, run = null, past = [], painted = 0, ages = [], lastTick = performance.now();

// Pictures

const line = new Line({
  async picture(buffer) {
    const seen = await unpack(buffer);
    if (!seen.picture) film?.label(seen);
    else if (!film?.begun) await show(seen);
    else seen.picture.close();
    return seen.header.number;
  },
  text(message) {
    ({ hello: introduce, state: report, end: conclude, answer: ({ sdp }) => film?.answer(sdp) })[message.type]?.(message);
  },
  up() {
    at("transport").textContent = JPEGS;
    tellStatus("on", "connected");
  },
  down(why) {
    film?.end();
    if (at("status").dataset.state !== "over") tellStatus("wait", why || "connecting again");
    at("age").textContent = "–";
  },
});

async function show(seen) {
  if (paused || looksBack) {
    seen.picture.close();
    return;
  }
  await nextPaint();
  view.show(seen);
  tellAge(seen.header);
  refreshProbe();
}

/** Have the picture by WebRTC, where the server can; until it comes, and where it does not, it comes as JPEGs. */
function tryFilm() {
  film = new Film({
    say: (message) => line.say(message),
    picture: show,
    begun() {
      line.say({ type: "jpeg", wanted: false });
      at("transport").textContent = "WebRTC, H.264";
    },
    gone() {
      film = null;
      line.say({ type: "jpeg", wanted: true });
      at("transport").textContent = JPEGS;
    },
  });
}

function nextPaint() {
  return new Promise((resolve) => {
    if (document.hidden) setTimeout(resolve, 200); // browsers do not paint what nobody sees
    else requestAnimationFrame(resolve);
  });
}

function tellAge(header) {
  painted++;
  const now = line.now();
  if (now !== null) ages.push(now - header.captured_ms);
}

function tellStatus(state, text) {
  at("status").dataset.state = state;
  if (at("status").textContent !== text) at("status").textContent = text;
}

// The run

function introduce(hello) {
  if (run !== hello.run) {
    run = hello.run;
    at("title").textContent = `${hello.title} · ${hello.model} on ${hello.backend}`;
    document.title = `${hello.title} – rtseg`;
    view.setClasses(hello.classes, hello.palette);
    if (!at("opacity").dataset.touched) setOpacity(100 * hello.opacity);
    listClasses();
    leavePast();
  }
  tellStatus("on", hello.mode);
  if (hello.rtc && window.RTCPeerConnection && "requestVideoFrameCallback" in HTMLVideoElement.prototype) tryFilm();
}

function report(state) {
  const now = performance.now(), here = (1000 * painted) / (now - lastTick);
  ages.sort((left, right) => left - right);
  const age = ages.length ? ages[ages.length >> 1] : null;
  charts.fps.add(state.fps, here);
  charts.latency.add(state.latency?.p50 ?? null, state.latency?.p99 ?? null);
  charts.age.add(age);
  charts.missed.add(state.deadline ? state.deadline.missed : null);
  charts.missed.figure.hidden = !state.deadline;
  at("painted").textContent = `${here.toFixed(1)} fps`;
  at("age").textContent = age === null ? "–" : `${age.toFixed(0)} ms`;
  [painted, ages, lastTick] = [0, [], now];
  if (!state.running) tellStatus("over", "the run is over");
  tellFates(state);
  tellStages(state);
  if (view.seen) tellFrame();
  lookForPast();
}

function conclude(state) {
  report(state);
  tellStatus("over", "the run is over");
}

function tellFates({ frames, expected }) {
  const dropped = Object.entries(frames.dropped), all = Math.max(frames.captured, 1);
  const rows = [["fresh", frames.fresh], ["moved along", frames.propagated], ["held", frames.held], ...dropped];
  const done = frames.fresh + frames.propagated + frames.held;
  bars(at("fates"), [
    ...(expected ? [["done", `${done} of ${expected}`, done / expected]] : []),
    ["captured", String(frames.captured), 1],
    ...rows.filter(([name, count]) => count || name === "fresh").map(([name, count]) => [name, String(count), count / all]),
  ]);
}

function tellStages({ stages, waiting }) {
  const most = Math.max(...Object.values(waiting), 4);
  bars(at("waiting"), Object.entries(waiting).map(([name, count]) => [name, String(count), count / most]));
  const known = Object.entries(stages).filter(([, figures]) => figures);
  if (!known.length) return; // nothing came through lately
  const longest = Math.max(...known.map(([, { p99 }]) => p99), 1);
  bars(at("stages"), known.map(([name, { p50, p99 }]) => [
    name, `${p50.toFixed(1)} | ${p99.toFixed(1)}`, p50 / longest, p99 / longest,
  ]));
}

function tellFrame() {
  const { stages, captured_ms, shown_ms } = view.seen.header, whole = Math.max(shown_ms - captured_ms, 1);
  const rows = Object.entries(stages).filter(([, [begin]]) => begin >= 0).map(([name, [begin, length]]) => [name, begin, length]);
  spans(at("waterfall"), [...rows, ["until shown", 0, shown_ms - captured_ms]], whole);
  view.shares().forEach((share, index) => {
    const row = at("classes").children[index];
    row.querySelector("b").textContent = `${(100 * share).toFixed(1)} %`;
    row.querySelector(".front").style.width = `${100 * share}%`;
  });
}

// Classes

function listClasses() {
  at("classes").replaceChildren(...view.classes.map((name, index) => {
    const row = element("li"), label = element("label"), box = element("input", { type: "checkbox" });
    const swatch = element("span", { class: "swatch" }), track = element("span", { class: "track" });
    box.checked = view.isOn[index];
    box.addEventListener("change", () => view.setOn(index, box.checked));
    swatch.style.background = `rgb(${view.palette[index].join()})`;
    const bar = element("span", { class: "front" });
    bar.style.background = swatch.style.background;
    track.append(bar);
    label.append(box, swatch, element("span", { class: "name" }, name), track, element("b", {}, "–"));
    row.append(label);
    return row;
  }));
}

function setAll(on) {
  for (const [index, row] of [...at("classes").children].entries()) {
    row.querySelector("input").checked = on;
    view.isOn[index] = on;
  }
  view.mix();
  view.paint();
}

at("all").addEventListener("click", () => setAll(true));
at("none").addEventListener("click", () => setAll(false));

// Controls

function setOpacity(percent) {
  at("opacity").value = percent;
  at("opacity-at").textContent = `${Math.round(percent)} %`;
  view.opacity = percent / 100;
  view.paint();
}

at("opacity").addEventListener("input", ({ target }) => {
  target.dataset.touched = "yes";
  setOpacity(Number(target.value));
});
for (const radio of document.getElementsByName("view")) {
  radio.addEventListener("change", () => {
    view.mode = radio.value;
    view.paint();
  });
}
at("controls").addEventListener("submit", (event) => event.preventDefault());

function setPaused(on) {
  paused = on;
  at("pause").setAttribute("aria-pressed", String(on));
  at("pause").textContent = on ? "Go on" : "Pause";
  line.pause(on || looksBack);
}

at("pause").addEventListener("click", () => setPaused(!paused));
at("fullscreen").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else at("screen").requestFullscreen();
});
at("snapshot").addEventListener("click", snapshot);

async function snapshot() {
  if (!view.seen) return;
  const { header, ids } = view.seen, [width, height] = header.label_size;
  const name = `rtseg-${String(header.index).padStart(6, "0")}`;
  const picture = await new Promise((resolve) => at("canvas").toBlob(resolve, "image/png"));
  save(picture, `${name}.png`);
  save(await greyPng(ids, width, height), `${name}-labels.png`);
}

function save(blob, name) {
  const link = element("a", { download: name, href: URL.createObjectURL(blob) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, button, a")) return;
  const press = { " ": "pause", f: "fullscreen", s: "snapshot" }[event.key];
  if (press) {
    event.preventDefault();
    at(press).click();
  }
});

// What is under the pointer, or under the cross

const STEPS = { ArrowLeft: [-0.01, 0], ArrowRight: [0.01, 0], ArrowUp: [0, -0.01], ArrowDown: [0, 0.01] };
let pointed = null;

function refreshProbe() {
  const place = view.cross ?? pointed, probe = at("probe");
  probe.hidden = !place || !view.seen;
  if (probe.hidden) return;
  const { name, colour } = view.classAt(place);
  if (probe.textContent !== name) probe.textContent = name;
  probe.style.borderLeftColor = `rgb(${colour.join()})`;
  const across = view.mode === "both" ? place.x / 2 : place.x;
  probe.style.left = `${100 * across}%`;
  probe.style.top = `${100 * place.y}%`;
  probe.dataset.side = across > 0.8 ? "left" : "right";
}

at("canvas").addEventListener("pointermove", (event) => {
  pointed = view.placeAt(event.clientX, event.clientY);
  refreshProbe();
});
at("canvas").addEventListener("pointerdown", (event) => {
  pointed = view.placeAt(event.clientX, event.clientY);
  refreshProbe();
});
at("canvas").addEventListener("pointerleave", () => {
  pointed = null;
  refreshProbe();
});
at("canvas").addEventListener("blur", () => {
  view.cross = null;
  view.paint();
  refreshProbe();
});
at("canvas").addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const fast = event.shiftKey ? 5 : 1, inside = (value) => Math.min(Math.max(value, 0), 0.999);
  const from = view.cross ?? { x: 0.5 - step[0] * fast, y: 0.5 - step[1] * fast };
  view.cross = { x: inside(from.x + step[0] * fast), y: inside(from.y + step[1] * fast) };
  view.paint();
  refreshProbe();
});

// The past

let looked = 0;

async function lookForPast() {
  if (performance.now() - looked < 2000) return;
  looked = performance.now();
  const answer = await fetch("/api/past").catch(() => null);
  if (!answer?.ok) return;
  past = await answer.json();
  at("timeline").hidden = past.length < 2;
  at("seek").max = String(Math.max(past.length - 1, 0));
  if (!looksBack) at("seek").value = at("seek").max;
  tellSeek();
}

function tellSeek() {
  const place = past[Number(at("seek").value)];
  const text = looksBack && place ? clock(place.seconds) : `latest, ${clock(past.at(-1)?.seconds ?? 0)}`;
  at("seek-at").textContent = text;
  at("seek").setAttribute("aria-valuetext", text);
}

function clock(seconds) {
  const whole = Math.floor(seconds), part = String(whole % 60).padStart(2, "0");
  return `${Math.floor(whole / 60)}:${part}`;
}

at("seek").addEventListener("input", async () => {
  looksBack = true;
  at("latest").disabled = false;
  line.pause(true);
  tellSeek();
  const wanted = past[Number(at("seek").value)];
  const answer = wanted && await fetch(`/api/past/${wanted.number}`).catch(() => null);
  if (!answer?.ok || past[Number(at("seek").value)] !== wanted) return;
  const seen = await unpack(await answer.arrayBuffer());
  if (!looksBack) return;
  view.show(seen);
  tellFrame();
  refreshProbe();
});

function leavePast() {
  looksBack = false;
  at("latest").disabled = true;
  at("seek").value = at("seek").max;
  line.pause(paused);
  tellSeek();
}

at("latest").addEventListener("click", leavePast);
