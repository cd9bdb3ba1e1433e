// The picture by WebRTC (rtseg/web/rtc.py): a film with each picture's number in a strip below it.

const STRIP = 16, BLOCKS = 38, CHECK_BITS = 12; // as rtseg/web/film.py has them
const FIRST_MS = 5000, STALL_MS = 3000, GATHER_MS = 1000, KEPT = 40;

export class Film {
  /** @param {object} on what is called: say(message), picture(seen), begun(), gone() */
  constructor(on) {
    this.on = on;
    this.labels = new Map();
    this.pictures = new Map();
    this.alive = true;
    this.begun = false;
    this.heard = performance.now();
    this.strip = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    this.video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, autoplay: true });
    this.connection = new RTCPeerConnection();
    this.connection.ontrack = ({ track, receiver }) => {
      receiver.jitterBufferTarget = 0; // the newest counts, not the smoothest
      this.video.srcObject = new MediaStream([track]);
      this.video.play().catch(() => this.end());
      this.video.requestVideoFrameCallback(() => this.see());
    };
    this.watch = setInterval(() => {
      const silent = performance.now() - this.heard;
      if (!document.hidden && silent > (this.begun ? STALL_MS : FIRST_MS)) this.end();
    }, 500);
    this.offer().catch(() => this.end());
  }

  async offer() {
    this.connection.addTransceiver("video", { direction: "recvonly" });
    await this.connection.setLocalDescription(await this.connection.createOffer());
    const end = performance.now() + GATHER_MS;
    while (this.connection.iceGatheringState !== "complete" && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.on.say({ type: "offer", sdp: this.connection.localDescription.sdp });
  }

  answer(sdp) {
    if (sdp === null) this.end();
    else this.connection.setRemoteDescription({ type: "answer", sdp }).catch(() => this.end());
  }

  async see() {
    if (!this.alive) return;
    this.video.requestVideoFrameCallback(() => this.see());
    this.heard = performance.now();
    const number = this.number();
    if (number === null) return;
    const { videoWidth, videoHeight } = this.video;
    this.put(this.pictures, number, await createImageBitmap(this.video, 0, 0, videoWidth, videoHeight - STRIP));
    if (!this.begun) {
      this.begun = true;
      this.on.begun();
    }
    this.match(number);
  }

  /** The labels of a picture: what `unpack` gave. */
  label(seen) {
    this.put(this.labels, seen.header.number, seen);
    this.match(seen.header.number);
  }

  put(map, number, value) {
    map.set(number, value);
    for (const oldest of map.keys()) {
      if (map.size <= KEPT) break;
      map.get(oldest).close?.();
      map.delete(oldest);
    }
  }

  match(number) {
    const picture = this.pictures.get(number), labels = this.labels.get(number);
    if (!picture || !labels) return;
    for (const map of [this.pictures, this.labels]) {
      for (const [older, value] of map) {
        if (older > number) continue;
        if (older !== number) value.close?.();
        map.delete(older);
      }
    }
    this.on.picture({ ...labels, picture });
  }

  number() {
    const { videoWidth: width, videoHeight: height } = this.video, block = Math.floor(width / BLOCKS);
    if (block < 8) return null;
    Object.assign(this.strip.canvas, { width: BLOCKS * block, height: STRIP });
    this.strip.drawImage(this.video, 0, height - STRIP, BLOCKS * block, STRIP, 0, 0, BLOCKS * block, STRIP);
    const { data } = this.strip.getImageData(0, 0, BLOCKS * block, STRIP);
    const level = (index) => data[4 * ((STRIP / 2) * BLOCKS * block + index * block + (block >> 1)) + 1];
    const middle = (level(0) + level(1)) / 2;
    if (level(0) - level(1) < 60) return null; // light, then dark
    let number = 0, check = 0;
    for (let index = 2; index < BLOCKS; index++) {
      const bit = level(index) > middle ? 1 : 0;
      if (index < BLOCKS - CHECK_BITS) number = (number << 1) | bit;
      else check = (check << 1) | bit;
    }
    return check === checksum(number) ? number : null;
  }

  end() {
    if (!this.alive) return;
    this.alive = false;
    clearInterval(this.watch);
    this.connection.close();
    this.video.srcObject = null;
    for (const picture of this.pictures.values()) picture.close();
    this.on.gone();
  }
}

/** CRC-12 of the strip (rtseg/sources/drive/strip.py). */
function checksum(number) {
  let crc = 0xfff;
  for (let bit = 23; bit >= 0; bit--) {
    crc ^= ((number >> bit) & 1) << 11;
    crc = crc & 0x800 ? ((crc << 1) ^ 0x80f) & 0xfff : crc << 1;
  }
  return crc;
}
