// The line to the server: a WebSocket that comes back, and the server's clock.

const FIRST_WAIT_MS = 250, LONGEST_WAIT_MS = 5000, PING_MS = 1000;

export class Line {
  /**
   * @param {object} on what is called: text(message), picture(buffer), up(), down(why). `picture` returns a promise of
   *   the number painted, or of null.
   */
  constructor(on) {
    this.on = on;
    this.offset = null; // the server's clock less ours, ms
    this.bestTrip = Infinity;
    this.wait = FIRST_WAIT_MS;
    this.ended = false;
    this.busy = false;
    this.next = null;
    setInterval(() => this.ping(), PING_MS);
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(`${scheme}//${location.host}/ws`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.wait = FIRST_WAIT_MS;
      this.offset = null;
      this.bestTrip = Infinity;
      this.say({ type: "paced" });
      if (this.paused) this.say({ type: "pause" });
      this.ping();
      this.on.up();
    };
    this.socket.onmessage = ({ data }) => (typeof data === "string" ? this.hear(JSON.parse(data)) : this.see(data));
    this.socket.onclose = ({ code, reason }) => {
      this.on.down(code === 1013 ? reason : "");
      setTimeout(() => this.open(), this.wait);
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
    };
  }

  say(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  ping() {
    this.say({ type: "ping", t: performance.now() });
  }

  pause(paused) {
    this.paused = paused;
    this.say({ type: paused ? "pause" : "go" });
  }

  /** Now, by the server's clock, ms; null while it is not known. */
  now() {
    return this.offset === null ? null : performance.now() + this.offset;
  }

  hear(message) {
    if (message.type === "pong") {
      const now = performance.now(), trip = now - message.t;
      if (trip <= this.bestTrip) { // the shorter the way, the surer the middle of it
        this.bestTrip = trip;
        this.offset = message.now_ms - (message.t + now) / 2;
      } else {
        this.bestTrip += 0.05; // clocks drift
      }
    } else {
      this.on.text(message);
    }
  }

  /** Paint what has come; while one is painted, only the newest waits. */
  async see(buffer) {
    this.next = buffer;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.next) {
        const newest = this.next;
        this.next = null;
        const number = await this.on.picture(newest);
        if (number !== null) this.say({ type: "painted", number });
      }
    } finally {
      this.busy = false;
    }
  }
}
