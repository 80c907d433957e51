// Containers (DOCX is a zip file of XML) opened with limits: what a file claims of its sizes is
// checked first, and then held to while it is unpacked, so that a zip bomb ends at its limit. What the
// reading library gets is a new container of nothing but the wanted files, stored as they are.

import { crc32, inflateRawSync } from "node:zlib";
import { mebibytes, parseLimits, unreadable } from "./limits.ts";

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
const COMMENT_MAX = 65_535;
const ENCRYPTED_FLAG = 1;
const STORED = 0;
const DEFLATED = 8;
/** Below this a file may be packed as well as it likes. */
const RATIO_FROM_BYTES = 1024 * 1024;

/** A file in a container, not unpacked yet. */
export interface ZipEntry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly packedBytes: number;
  /** As the container claims. */
  readonly bytes: number;
  readonly offset: number;
}

/** The list of files. @throws RuntimeError DOCUMENT_UNREADABLE (damaged, too-large). */
export function listZip(zip: Buffer): ZipEntry[] {
  const end = endOf(zip);
  const count = zip.readUInt16LE(end + 10);
  if (count > parseLimits.zipEntries) {
    throw unreadable(
      "too-large",
      `The container has ${count} files; ${parseLimits.zipEntries} are allowed.`,
    );
  }
  const entries: ZipEntry[] = [];
  let at = zip.readUInt32LE(end + 16);
  for (let number = 0; number < count; number += 1) {
    if (at + CENTRAL_BYTES > zip.length || zip.readUInt32LE(at) !== CENTRAL) throw damagedZip();
    const nameBytes = zip.readUInt16LE(at + 28);
    entries.push({
      flags: zip.readUInt16LE(at + 8),
      method: zip.readUInt16LE(at + 10),
      packedBytes: zip.readUInt32LE(at + 20),
      bytes: zip.readUInt32LE(at + 24),
      offset: zip.readUInt32LE(at + 42),
      name: zip.toString("utf8", at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameBytes),
    });
    at += CENTRAL_BYTES + nameBytes + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return entries;
}

/** Unpacks files, all claims checked first. @throws as `listZip`, and (encrypted, unsupported). */
export function unpackZip(zip: Buffer, entries: readonly ZipEntry[]): Map<string, Buffer> {
  let total = 0;
  for (const { bytes, packedBytes, flags } of entries) {
    if ((flags & ENCRYPTED_FLAG) !== 0) {
      throw unreadable(
        "encrypted",
        "The document is protected by a password. Save it without one.",
      );
    }
    total += bytes;
    const isBomb = bytes > RATIO_FROM_BYTES && bytes > packedBytes * parseLimits.zipRatio;
    if (total > parseLimits.zipBytes || isBomb) throw zipTooLarge();
  }
  return new Map(entries.map((entry) => [entry.name, unpack(zip, entry)]));
}

function unpack(zip: Buffer, entry: ZipEntry): Buffer {
  const { offset, packedBytes, bytes, method } = entry;
  if (offset + LOCAL_BYTES > zip.length || zip.readUInt32LE(offset) !== LOCAL) throw damagedZip();
  const start =
    offset + LOCAL_BYTES + zip.readUInt16LE(offset + 26) + zip.readUInt16LE(offset + 28);
  if (start + packedBytes > zip.length) throw damagedZip();
  const packed = zip.subarray(start, start + packedBytes);
  if (method === STORED && packedBytes === bytes) return packed;
  if (method !== DEFLATED) throw damagedZip();
  try {
    // One byte more than claimed, so that a false claim shows.
    const unpacked = inflateRawSync(packed, { maxOutputLength: bytes + 1 });
    if (unpacked.length === bytes) return unpacked;
  } catch (cause) {
    const isLonger = cause instanceof RangeError;
    throw isLonger ? zipTooLarge(cause) : damagedZip(cause);
  }
  throw damagedZip();
}

/** A container of these files, unpacked. */
export function storedZip(files: ReadonlyMap<string, Buffer>): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [path, bytes] of files) {
    const name = Buffer.from(path);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x0800, 2);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    parts.push(word(LOCAL), common, name, bytes);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    central.push(word(CENTRAL), Buffer.from([20, 0]), common, place, name);
    offset += LOCAL_BYTES + name.length + bytes.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(files.size, 8);
  end.writeUInt16LE(files.size, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, end]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Where the end of the list is: it has a comment behind it at most. */
function endOf(zip: Buffer): number {
  const least = Math.max(0, zip.length - END_BYTES - COMMENT_MAX);
  for (let at = zip.length - END_BYTES; at >= least; at -= 1) {
    if (zip.readUInt32LE(at) === END) return at;
  }
  throw damagedZip();
}

function damagedZip(cause?: unknown): Error {
  return unreadable(
    "damaged",
    "The document is damaged: its container is cut or broken. Save it again.",
    cause,
  );
}

function zipTooLarge(cause?: unknown): Error {
  const most = mebibytes(parseLimits.zipBytes);
  return unreadable(
    "too-large",
    `The document unpacks to more than ${most}, or to far more than such a file can hold.`,
    cause,
  );
}
