// Whether bytes are a picture that models take: told by the bytes alone, whatever they are called. Only the
// head is read and that the file ends where it should; no pixel is ever decoded here.

import { limits } from "../../actors/limits.ts";
import { RuntimeError } from "../../runtime/errors.ts";

/** What a picture's bytes say of it. */
export interface PictureHead {
  readonly media_type: "image/png" | "image/jpeg" | "image/gif" | "image/webp";
  readonly width: number;
  readonly height: number;
}

type Size = Pick<PictureHead, "width" | "height">;
/** Null: its head cannot be read, or it is cut off. */
type Reads = (bytes: Buffer) => Size | null;

interface Kind {
  readonly media_type: PictureHead["media_type"];
  begins(bytes: Buffer): boolean;
  readonly size: Reads;
}

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const JPEG = Buffer.from([0xff, 0xd8, 0xff]);

const kinds: readonly Kind[] = [
  { media_type: "image/png", begins: (bytes) => beginsWith(bytes, PNG), size: sizeOfPng },
  { media_type: "image/jpeg", begins: (bytes) => beginsWith(bytes, JPEG), size: sizeOfJpeg },
  {
    media_type: "image/gif",
    begins: (bytes) => /^GIF8[79]a$/.test(bytes.toString("latin1", 0, 6)),
    size: (bytes) =>
      bytes.length < 14 ? null : { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) },
  },
  {
    media_type: "image/webp",
    begins: (bytes) => /^RIFF[\s\S]{4}WEBP$/.test(bytes.toString("latin1", 0, 12)),
    size: sizeOfWebp,
  },
];

/** Whether they begin as a picture does. */
export function looksLikePicture(bytes: Uint8Array): boolean {
  const head = asBuffer(bytes);
  return kinds.some(({ begins }) => begins(head));
}

/**
 * @param pointer of a request where it stands.
 * @throws INVALID in words for people: it is no picture, damaged, or over a limit.
 */
export function checkPicture(bytes: Uint8Array, pointer?: string): PictureHead {
  const invalid = (message: string): RuntimeError =>
    new RuntimeError("INVALID", message, pointer === undefined ? {} : { pointer });
  const all = asBuffer(bytes);
  const { pictureBytes, pictureSide } = limits;
  const kind = kinds.find(({ begins }) => begins(all));
  if (kind === undefined) throw invalid("It is no picture: png, jpeg, gif and webp are seen.");
  if (all.length > pictureBytes) {
    throw invalid(`It has ${all.length} bytes; a picture has at most ${pictureBytes}.`);
  }
  const size = kind.size(all);
  if (size === null || size.width === 0 || size.height === 0) {
    throw invalid("The picture is damaged or cut off.");
  }
  const { width, height } = size;
  if (Math.max(width, height) > pictureSide) {
    const most = `at most ${pictureSide} on a side`;
    throw invalid(`It has ${width} x ${height} pixels; a picture has ${most}.`);
  }
  return { media_type: kind.media_type, width, height };
}

/** IHDR comes first, IEND last. */
function sizeOfPng(bytes: Buffer): Size | null {
  if (bytes.length < 33 || bytes.toString("latin1", 12, 16) !== "IHDR") return null;
  const size = { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  let at = PNG.length;
  while (at + 12 <= bytes.length) {
    if (bytes.toString("latin1", at + 4, at + 8) === "IEND") return size;
    at += 12 + bytes.readUInt32BE(at);
  }
  return null;
}

/** Markers of a frame's head: all of 0xC0 to 0xCF but those of tables and of arithmetic coding. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Segments up to the scan; the frame's is among them. The end of the image comes somewhere behind. */
function sizeOfJpeg(bytes: Buffer): Size | null {
  let at = 2;
  let size: Size | null = null;
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes.readUInt8(at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === 0xda) break;
    if (isFrame(marker)) {
      size = { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    }
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return bytes.lastIndexOf(Buffer.from([0xff, 0xd9])) > at ? size : null;
}

/** One of three forms: lossy, lossless, extended. */
function sizeOfWebp(bytes: Buffer): Size | null {
  if (bytes.length < 30 || bytes.readUInt32LE(4) + 8 > bytes.length) return null;
  switch (bytes.toString("latin1", 12, 16)) {
    case "VP8 ":
      if (bytes.readUIntBE(23, 3) !== 0x9d012a) return null;
      return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
    case "VP8L": {
      if (bytes[20] !== 0x2f) return null;
      const sides = bytes.readUInt32LE(21);
      return { width: 1 + (sides & 0x3fff), height: 1 + ((sides >>> 14) & 0x3fff) };
    }
    case "VP8X":
      return { width: 1 + bytes.readUIntLE(24, 3), height: 1 + bytes.readUIntLE(27, 3) };
    default:
      return null;
  }
}

function beginsWith(bytes: Buffer, head: Buffer): boolean {
  return bytes.subarray(0, head.length).equals(head);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
