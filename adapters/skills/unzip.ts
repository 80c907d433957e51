// The files of a zip that somebody sent. Everything a zip says is checked before anything is unpacked:
// how many entries it has, their names and kinds, their sizes and that no two lie over each other. Then
// each is unpacked up to the size that it claims and not a byte further, so that a bomb costs nothing.
// Runs in the compute pool. A zip within a zip is a file like any other: it is never opened.

import { isUtf8 } from "node:buffer";
import { crc32, inflateRawSync } from "node:zlib";
import type { Entry, LocalFileHeader, ZipFile } from "yauzl";
import { skillLimits } from "../../actors/records/skill.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { checkPath, refused, tooLarge } from "./paths.ts";
import type { SentFile } from "./sent-file.ts";

const ENCRYPTED_FLAGS = 0b10_0000_0100_0001;
const STORED = 0;
const DEFLATED = 8;
/** Of the file mode that is in the upper half of an entry's attributes. */
const MODE_KIND = 0o170000;
const MODE_FILE = 0o100000;
const MODE_FOLDER = 0o040000;

/** The files of a zip; folders are left out. @throws INVALID, BODY_TOO_LARGE naming entry and limit. */
export async function unzip(bytes: Buffer): Promise<readonly SentFile[]> {
  const yauzl = await import("yauzl");
  // A name is decoded here: only UTF-8 is one, which the flag for it says in few zips.
  const options = { lazyEntries: true, decodeStrings: false, autoClose: false } as const;
  const zip = await yauzl.fromBufferPromise(bytes, options).catch(damaged);
  const { entries: most } = skillLimits;
  if (zip.entryCount > most) {
    const text = `The zip has ${zip.entryCount} entries; at most ${most} are taken.`;
    throw new RuntimeError("BODY_TOO_LARGE", text, { limit: most });
  }
  const entries = await entriesOf(zip);
  checkSizes(entries);
  const placed: Placed[] = [];
  for (const one of entries) placed.push(await placeOf(zip, one));
  checkApart(placed);
  return placed.filter(({ isFolder }) => !isFolder).map((one) => unpack(bytes, one));
}

/** An entry by its name. */
interface Named {
  readonly entry: Entry;
  readonly path: string;
  readonly isFolder: boolean;
}

/** An entry and where its bytes are. */
interface Placed extends Named {
  readonly from: number;
  readonly to: number;
}

async function entriesOf(zip: ZipFile): Promise<readonly Named[]> {
  const entries: Named[] = [];
  const all = zip.eachEntry();
  try {
    for await (const entry of all) entries.push(named(entry));
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    damaged(error);
  }
  return entries;
}

function named(entry: Entry): Named {
  const raw = entry.fileNameRaw;
  if (!isUtf8(raw)) throw refused(raw.toString("latin1"), "its name is not UTF-8");
  const name = raw.toString();
  const isFolder = name.endsWith("/");
  const path = isFolder ? name.slice(0, -1) : name;
  checkPath(path);
  const { generalPurposeBitFlag: flags, compressionMethod: method, uncompressedSize } = entry;
  if ((flags & ENCRYPTED_FLAGS) !== 0) throw refused(path, "it is encrypted");
  if (method !== STORED && method !== DEFLATED) {
    throw refused(path, `its compression method is ${method}, and only deflate is read`);
  }
  const kind = (entry.externalFileAttributes >>> 16) & MODE_KIND;
  if (kind !== 0 && kind !== MODE_FILE && kind !== MODE_FOLDER) {
    throw refused(path, "it is a link or another special file");
  }
  if (isFolder && uncompressedSize > 0) throw refused(path, "it is a folder with contents");
  return { entry, path, isFolder };
}

/** As the entries claim; what they unpack to is held to it. */
function checkSizes(entries: readonly Named[]): void {
  const { fileBytes, bytes: most } = skillLimits;
  let total = 0;
  for (const { entry, path } of entries) {
    const { uncompressedSize: size } = entry;
    if (size > fileBytes) {
      throw tooLarge(path, `it has ${size} bytes, a file at most ${fileBytes}`, fileBytes);
    }
    total += size;
    if (total > most) {
      throw tooLarge(path, `with it the files have more than ${most} bytes`, most);
    }
  }
}

async function placeOf(zip: ZipFile, one: Named): Promise<Placed> {
  const header: LocalFileHeader = await zip
    .readLocalFileHeaderPromise(one.entry, { minimal: false })
    .catch(damaged);
  const { entry, path } = one;
  if (!header.fileName.equals(entry.fileNameRaw)) {
    throw refused(path, "the zip has two names for it");
  }
  const from = entry.relativeOffsetOfLocalHeader;
  return { ...one, from, to: header.fileDataStart + entry.compressedSize };
}

/** What lies over another entry is unpacked twice: that is how a small zip has large contents. */
function checkApart(entries: readonly Placed[]): void {
  const inOrder = [...entries].sort((left, right) => left.from - right.from || left.to - right.to);
  let end = 0;
  for (const { from, to, path } of inOrder) {
    if (from < end) throw refused(path, "it overlaps with another entry of the zip");
    end = to;
  }
}

function unpack(zip: Buffer, { entry, path, to }: Placed): SentFile {
  const { compressedSize, uncompressedSize, compressionMethod } = entry;
  const packed = zip.subarray(to - compressedSize, to);
  const bytes = compressionMethod === STORED ? packed : inflated(packed, uncompressedSize, path);
  if (bytes.length !== uncompressedSize) throw lying(path, uncompressedSize);
  if (crc32(bytes) !== entry.crc32) throw refused(path, "it is damaged: its checksum is wrong");
  return { path, bytes };
}

function inflated(packed: Buffer, size: number, path: string): Buffer {
  try {
    // One byte more than claimed, so that a false claim shows.
    return inflateRawSync(packed, { maxOutputLength: size + 1 });
  } catch (cause) {
    if (cause instanceof RangeError) throw lying(path, size);
    throw refused(path, "it is damaged: it cannot be unpacked");
  }
}

function lying(path: string, size: number): RuntimeError {
  return refused(path, `it does not unpack to the ${size} bytes that it claims`, size);
}

function damaged(cause: unknown): never {
  const why = cause instanceof Error ? cause.message.slice(0, 200) : "it cannot be read";
  throw new RuntimeError("INVALID", `The zip is damaged: ${why}.`, undefined, { cause });
}
