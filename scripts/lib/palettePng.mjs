import { crc32, deflateSync, inflateSync } from 'node:zlib';

/**
 * A browser's PNG with at most 256 colours: the most frequent stay, every other becomes the
 * nearest of them. Pictures of an interface have few colours, and shrink to a third.
 */
export function palettePng(png) {
  const { width, height, rgb } = decode(png);
  const counts = new Map();
  for (let i = 0; i < rgb.length; i += 3) {
    const color = (rgb[i] << 16) | (rgb[i + 1] << 8) | rgb[i + 2];
    counts.set(color, (counts.get(color) ?? 0) + 1);
  }
  const palette = [...counts]
    .sort((a, b) => b[1] - a[1])
    .slice(0, 256)
    .map(([color]) => color);
  const index = new Map(palette.map((color, i) => [color, i]));
  for (const color of counts.keys()) if (!index.has(color)) index.set(color, nearest(palette, color));
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = 3 * (y * width + x);
      rows[y * (width + 1) + x + 1] = index.get((rgb[i] << 16) | (rgb[i + 1] << 8) | rgb[i + 2]);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    png.subarray(0, 8),
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flatMap((color) => [color >> 16, (color >> 8) & 255, color & 255]))),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function nearest(palette, color) {
  let best = 0;
  let distance = Number.POSITIVE_INFINITY;
  for (const [i, other] of palette.entries()) {
    const r = (other >> 16) - (color >> 16);
    const g = ((other >> 8) & 255) - ((color >> 8) & 255);
    const b = (other & 255) - (color & 255);
    const d = r * r + g * g + b * b;
    if (d < distance) [best, distance] = [i, d];
  }
  return best;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** 8 bits a channel, RGB or RGBA, not interlaced: what browsers write. */
function decode(png) {
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const channels = png[25] === 6 ? 4 : 3;
  const parts = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const lines = Buffer.alloc(height * stride);
  for (let y = 0; y < height; y++) unfilter(raw, y * (stride + 1), lines, y * stride, stride, channels, y > 0);
  if (channels === 3) return { width, height, rgb: lines };
  const rgb = Buffer.alloc(width * height * 3);
  for (let i = 0; i < width * height; i++) lines.copy(rgb, 3 * i, 4 * i, 4 * i + 3);
  return { width, height, rgb };
}

function unfilter(raw, from, lines, to, stride, channels, hasUp) {
  const filter = raw[from];
  for (let x = 0; x < stride; x++) {
    const left = x < channels ? 0 : lines[to + x - channels];
    const up = hasUp ? lines[to + x - stride] : 0;
    const corner = hasUp && x >= channels ? lines[to + x - stride - channels] : 0;
    const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
    lines[to + x] = (raw[from + 1 + x] + guess) & 255;
  }
}

function paeth(left, up, corner) {
  const [a, b, c] = [up - corner, left - corner, left + up - 2 * corner].map(Math.abs);
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
