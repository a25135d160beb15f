/** Fields of ModelProto by number: true for those that hold bytes, false for varints. */
const fields: ReadonlyMap<number, boolean> = new Map([
  [1, false],
  [2, true],
  [3, true],
  [4, true],
  [5, false],
  [6, true],
  [7, true],
  [8, true],
  [14, true],
  [20, true],
  [25, true],
  [26, true],
]);

/** Fields that are text for people: producer, its version, domain. */
const texts: ReadonlySet<number> = new Set([2, 3, 4]);

/**
 * Whether the bytes start like a ModelProto. Protocol Buffers has no magic, so: it begins with a
 * plausible ir_version, or with an operator set or a graph, and every field that the prefix shows
 * whole is one that a model has. TensorFlow's saved models begin alike, but their second field is
 * no text.
 */
export function sniffOnnx(prefix: Uint8Array): boolean {
  let at = 0;
  let evidence = false;
  for (let count = 0; at < prefix.length && count < 8; count++) {
    const tag = smallVarint(prefix, at);
    if (tag === undefined) return evidence;
    const number = tag.value >>> 3;
    const delimited = fields.get(number);
    if (delimited === undefined || (tag.value & 7) !== (delimited ? 2 : 0)) return evidence && count > 1;
    const value = smallVarint(prefix, tag.end);
    if (value === undefined) return evidence || number === 1;
    at = value.end;
    if (!delimited) {
      if (number === 1) evidence = value.value > 0 && value.value < 100_000;
      continue;
    }
    const body = prefix.subarray(at, at + value.value);
    if (texts.has(number) && !isText(body)) return false;
    if (number === 7 && body.length > 0) evidence ||= graphStarts.has(body[0]);
    if (number === 8 && body.length > 0) evidence ||= body[0] === 0x0a || body[0] === 0x10;
    at += value.value;
  }
  return evidence;
}

/** Tags that a GraphProto may begin with. */
const graphStarts: ReadonlySet<number> = new Set([0x0a, 0x12, 0x2a, 0x52, 0x5a, 0x62, 0x6a, 0x7a]);

function smallVarint(bytes: Uint8Array, at: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 5 && at + i < bytes.length; i++) {
    value += (bytes[at + i] & 0x7f) * 128 ** i;
    if (bytes[at + i] < 0x80) return { value, end: at + i + 1 };
  }
  return undefined;
}

function isText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte >= 0x20 && byte !== 0x7f);
}
