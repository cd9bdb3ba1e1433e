// What is seen: the picture, the colours over it, and the cross that asks for a class.

const SOFTER = 0.999; // a class that is on is this opaque in the mask

const votes = new Uint8Array(256);

/** Class ids with the stair steps at their edges voted away: the majority of the 3×3 around each place. */
function round(ids, width, height) {
  const rounded = ids.slice();
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1, place = y * width + 1; x < width - 1; x++, place++) {
      const own = ids[place];
      if (ids[place - 1] === own && ids[place + 1] === own && ids[place - width] === own && ids[place + width] === own) continue;
      let best = own;
      for (let row = place - width; row <= place + width; row += width) {
        for (let at = row - 1; at <= row + 1; at++) votes[ids[at]]++;
      }
      for (let row = place - width; row <= place + width; row += width) {
        for (let at = row - 1; at <= row + 1; at++) if (votes[ids[at]] > votes[best]) best = ids[at];
      }
      for (let row = place - width; row <= place + width; row += width) {
        for (let at = row - 1; at <= row + 1; at++) votes[ids[at]] = 0;
      }
      rounded[place] = best;
    }
  }
  return rounded;
}

/**
 * Colours of class ids at twice their size, the corners of stair steps cut off (Scale2x): where two neighbours of a place agree and
 * the two across from them do not, the quarter between them is theirs.
 */
function double(ids, width, height, colours, pixels) {
  for (let y = 0, place = 0; y < height; y++) {
    for (let x = 0; x < width; x++, place++) {
      const own = ids[place];
      const up = y ? ids[place - width] : own, down = y < height - 1 ? ids[place + width] : own;
      const left = x ? ids[place - 1] : own, right = x < width - 1 ? ids[place + 1] : own;
      const to = 4 * y * width + 2 * x, below = to + 2 * width, colour = colours[own];
      if (up === down || left === right) {
        pixels[to] = pixels[to + 1] = pixels[below] = pixels[below + 1] = colour;
      } else {
        pixels[to] = left === up ? colours[up] : colour;
        pixels[to + 1] = right === up ? colours[up] : colour;
        pixels[below] = left === down ? colours[down] : colour;
        pixels[below + 1] = right === down ? colours[down] : colour;
      }
    }
  }
}

export class View {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.mask = document.createElement("canvas");
    this.maskContext = this.mask.getContext("2d");
    this.mode = "overlay";
    this.opacity = 0.5;
    this.classes = [];
    this.palette = [];
    this.isOn = [];
    this.seen = null;
    this.cross = null;
  }

  setClasses(names, palette) {
    const same = names.join() === this.classes.join();
    this.classes = names;
    this.palette = palette;
    if (!same) this.isOn = names.map(() => true);
    this.mix();
  }

  setOn(index, on) {
    this.isOn[index] = on;
    this.mix();
    this.paint();
  }

  /** The colours of all 256 levels, as the canvas stores them. */
  mix() {
    const bytes = new Uint8ClampedArray(4 * 256);
    this.palette.forEach((colour, index) => bytes.set([...colour, this.isOn[index] ? 255 : 0], 4 * index));
    this.colours = new Uint32Array(bytes.buffer);
    this.tinted = null;
  }

  /** Show another picture: what `unpack` gave. */
  show(seen) {
    if (this.seen && this.seen.picture !== seen.picture) this.seen.picture.close();
    this.seen = seen;
    this.tinted = null;
    this.paint();
  }

  tint() {
    const { ids, header } = this.seen;
    const [width, height] = header.label_size;
    if (this.image?.width !== 2 * width || this.image.height !== 2 * height) {
      Object.assign(this.mask, { width: 2 * width, height: 2 * height });
      this.image = this.maskContext.createImageData(2 * width, 2 * height);
    }
    double(round(ids, width, height), width, height, this.colours, new Uint32Array(this.image.data.buffer));
    this.maskContext.putImageData(this.image, 0, 0);
    this.tinted = true;
  }

  paint() {
    if (!this.seen) return;
    if (!this.tinted) this.tint();
    const { picture } = this.seen, both = this.mode === "both";
    const { width, height } = picture, across = both ? 2 * width : width;
    if (this.canvas.width !== across || this.canvas.height !== height) {
      Object.assign(this.canvas, { width: across, height });
      this.canvas.style.setProperty("--aspect", across / height);
    }
    const context = this.context;
    if (this.mode === "mask") {
      context.fillStyle = "#000";
      context.fillRect(0, 0, width, height);
      this.lay(0, SOFTER);
    } else {
      context.drawImage(picture, 0, 0);
      if (both) context.drawImage(picture, width, 0);
      if (this.mode !== "original") this.lay(both ? width : 0, this.opacity);
    }
    this.drawCross();
  }

  lay(left, opacity) {
    const { width, height } = this.seen.picture;
    this.context.globalAlpha = opacity;
    this.context.drawImage(this.mask, left, 0, width, height);
    this.context.globalAlpha = 1;
  }

  drawCross() {
    if (!this.cross) return;
    const { width, height } = this.seen.picture, size = Math.max(width / 60, 8);
    for (const left of this.mode === "both" ? [0, width] : [0]) {
      const x = left + this.cross.x * width, y = this.cross.y * height;
      for (const [colour, thick] of [["#000", 4], ["#fff", 2]]) {
        this.context.strokeStyle = colour;
        this.context.lineWidth = (thick * width) / 960;
        this.context.beginPath();
        this.context.moveTo(x - size, y);
        this.context.lineTo(x + size, y);
        this.context.moveTo(x, y - size);
        this.context.lineTo(x, y + size);
        this.context.stroke();
      }
    }
  }

  /** Where in the picture a point of the window lies, 0…1 across and down; null beside it. */
  placeAt(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    let x = (clientX - box.left) / box.width;
    const y = (clientY - box.top) / box.height;
    if (this.mode === "both") x = (2 * x) % 1;
    return this.seen && x >= 0 && x < 1 && y >= 0 && y < 1 ? { x, y } : null;
  }

  /** The class there: {name, colour}. */
  classAt({ x, y }) {
    const [width, height] = this.seen.header.label_size;
    const id = this.seen.ids[Math.floor(y * height) * width + Math.floor(x * width)];
    return { name: this.classes[id] ?? "none", colour: this.palette[id] ?? [0, 0, 0] };
  }

  /** The share of each class, 0…1. */
  shares() {
    const counts = new Uint32Array(256), { ids } = this.seen;
    for (const id of ids) counts[id]++;
    return this.classes.map((_, index) => counts[index] / ids.length);
  }
}
