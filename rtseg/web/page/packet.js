// A picture as the server sends it (rtseg/web/packet.py): header, JPEG, class map.

const decoder = new TextDecoder();

/** The parts of a message: {header, picture: ImageBitmap, or null for one without, ids: Uint8Array}. */
export async function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(decoder.decode(new Uint8Array(buffer, 4, length)));
  const jpeg = new Uint8Array(buffer, 4 + length, header.jpeg);
  const packed = new Uint8Array(buffer, 4 + length + header.jpeg, header.labels);
  const [picture, ids] = await Promise.all([
    jpeg.length ? createImageBitmap(new Blob([jpeg], { type: "image/jpeg" })) : null,
    inflated(packed),
  ]);
  return { header, picture, ids };
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
