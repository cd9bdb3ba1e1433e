// Lines over the last two minutes, and bars. SVG, so that they are sharp and can be read aloud.

const NAMESPACE = "http://www.w3.org/2000/svg";
const DRAWN = ["svg", "path"];
const LENGTH = 240; // states kept: two minutes
const WIDTH = 260, HEIGHT = 64;

export function element(name, attributes = {}, text = "") {
  const made = DRAWN.includes(name) ? document.createElementNS(NAMESPACE, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

/** A line chart of one or two values over time. */
export class Lines {
  constructor(parent, title, names, digits = 0) {
    this.series = names.map(() => []);
    this.digits = digits;
    this.figure = element("figure", { class: "chart" });
    this.caption = element("figcaption");
    this.caption.append(element("span", {}, title));
    this.values = names.map((name, index) => {
      const value = element("b", { class: `line-${index}` });
      this.caption.append(" ", ...(name ? [element("small", {}, name), " "] : []), value);
      return value;
    });
    this.svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    this.paths = names.map((_, index) => this.svg.appendChild(element("path", { class: `line line-${index}` })));
    this.top = element("small", { class: "top" });
    this.figure.append(this.caption, this.svg, this.top);
    parent.append(this.figure);
  }

  add(...values) {
    values.forEach((value, index) => {
      this.series[index].push(value);
      if (this.series[index].length > LENGTH) this.series[index].shift();
      this.values[index].textContent = value === null ? "–" : value.toFixed(this.digits);
    });
    const known = this.series.flat().filter((value) => value !== null);
    const top = roundUp(Math.max(...known, 1e-9));
    this.top.textContent = known.length ? String(top) : "";
    this.paths.forEach((path, index) => path.setAttribute("d", this.drawn(this.series[index], top)));
  }

  drawn(values, top) {
    const step = WIDTH / (LENGTH - 1), begin = WIDTH - (values.length - 1) * step;
    let pen = "M";
    return values.map((value, index) => {
      if (value === null) {
        pen = "M";
        return "";
      }
      const point = `${pen}${(begin + index * step).toFixed(1)} ${(HEIGHT - 2 - (value / top) * (HEIGHT - 6)).toFixed(1)}`;
      pen = "L";
      return point;
    }).join("");
  }
}

function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

/** Bars: a row each, of [name, text, share, second share]. */
export function bars(parent, rows) {
  if (parent.children.length !== rows.length) {
    parent.replaceChildren(...rows.map(() => {
      const row = element("div", { class: "bar" });
      const track = element("span", { class: "track" });
      track.append(element("span", { class: "behind" }), element("span", { class: "front" }));
      row.append(element("span", { class: "name" }), track, element("b"));
      return row;
    }));
  }
  rows.forEach(([name, text, share, second = 0], index) => {
    const [label, track, value] = parent.children[index].children;
    label.textContent = name;
    value.textContent = text;
    track.children[0].style.width = `${100 * Math.min(second, 1)}%`;
    track.children[1].style.width = `${100 * Math.min(share, 1)}%`;
  });
}

/** Spans on a common scale: a row each, of [name, begin, length]. */
export function spans(parent, rows, whole) {
  bars(parent, rows.map(([name, , length]) => [name, length.toFixed(1), 0]));
  rows.forEach(([, begin, length], index) => {
    const bar = parent.children[index].children[1].children[1];
    bar.style.marginLeft = `${(100 * begin) / whole}%`;
    bar.style.width = `${Math.max((100 * length) / whole, 0.5)}%`;
  });
}
