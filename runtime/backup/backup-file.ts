// The form of a backup file: blocks one after the other, each with a SHA-256 over itself and all
// before it. What was cut off, changed or taken out shows at its block, with the byte where it begins.
// A file without its last block, the manifest, is none.

import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { RuntimeError } from "../errors.ts";
import type { Contents } from "./manifest.ts";

/** Limits of a backup file. */
export const backupFileLimits = {
  /** A block of rows is written when it has so many bytes. */
  blockBytes: 1024 * 1024,
  /** A block that says it is longer is damaged: the largest row is 32 MiB. */
  blockBytesMax: 64 * 1024 * 1024,
} as const;

/** Kinds of blocks. */
export const blockTypes = { hot: 1, bulk: 2, file: 3, manifest: 4 } as const;

/** One kind of block, as its number. */
export type BlockType = (typeof blockTypes)[keyof typeof blockTypes];

/** One block that was read and found to be what was written. */
export interface Block {
  readonly type: BlockType;
  readonly payload: Buffer;
}

const MAGIC = Buffer.from("troupe-backup 1\n", "latin1");
const HEAD_BYTES = 5;
const DIGEST_BYTES = 32;

/** A digest over a chain of blocks: each one's begins with that of the block before. */
function chained(before: Uint8Array, type: BlockType, payload: Uint8Array): Buffer {
  return createHash("sha256")
    .update(before)
    .update(new Uint8Array([type]))
    .update(payload)
    .digest();
}

/** Writes blocks to an empty file. */
export class BackupWriter {
  readonly #file: FileHandle;
  #digest: Uint8Array = createHash("sha256").update(MAGIC).digest();
  #isBegun = false;
  /** Written so far. */
  bytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(type: BlockType, payload: Uint8Array): Promise<void> {
    this.#digest = chained(this.#digest, type, payload);
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32LE(payload.length, 0);
    head.writeUInt8(type, 4);
    const pieces = [...(this.#isBegun ? [] : [MAGIC]), head, payload, this.#digest];
    this.#isBegun = true;
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const { bytesWritten } = await this.#file.writev(pieces);
    this.bytes += bytesWritten;
    if (bytesWritten === length) return;
    // A disk takes a part when it is full; what is left says why.
    await this.#file.writeFile(Buffer.concat(pieces).subarray(bytesWritten));
    this.bytes += length - bytesWritten;
  }
}

/**
 * The blocks of a backup, each checked before it is given. The last one is the manifest.
 * @throws FOREIGN_DATA for a file that is none, DATA_DAMAGED with the block and the byte.
 */
export async function* readBlocks(file: FileHandle, path: string): AsyncGenerator<Block> {
  const magic = await readAt(file, 0, MAGIC.length);
  if (!magic.equals(MAGIC)) {
    const is = magic.subarray(0, 14).equals(MAGIC.subarray(0, 14));
    const what = is ? "is a backup of another form than this version reads" : "is no backup";
    throw new RuntimeError("FOREIGN_DATA", `${path} ${what}. Nothing was restored.`);
  }
  let digest: Uint8Array = createHash("sha256").update(MAGIC).digest();
  let at = MAGIC.length;
  for (let count = 1; ; count += 1) {
    const damaged = (what: string): RuntimeError =>
      new RuntimeError(
        "DATA_DAMAGED",
        `${path} is damaged: block ${count}, at byte ${at}, ${what}. Nothing was restored; take another backup.`,
        { block: count, byte: at },
      );
    const head = await readAt(file, at, HEAD_BYTES);
    if (head.length < HEAD_BYTES) throw damaged("is missing: the file is cut off");
    const length = head.readUInt32LE(0);
    const type = Object.values(blockTypes).find((one) => one === head.readUInt8(4));
    if (type === undefined || length > backupFileLimits.blockBytesMax) {
      throw damaged("is not what was written");
    }
    const rest = await readAt(file, at + HEAD_BYTES, length + DIGEST_BYTES);
    if (rest.length < length + DIGEST_BYTES) throw damaged("is cut off");
    const payload = rest.subarray(0, length);
    digest = chained(digest, type, payload);
    if (!rest.subarray(length).equals(digest)) throw damaged("is not what was written");
    yield { type, payload };
    at += HEAD_BYTES + length + DIGEST_BYTES;
    if (type === blockTypes.manifest) {
      const { size } = await file.stat();
      if (size !== at) throw damaged(`is the last one and ${size - at} bytes follow`);
      return;
    }
  }
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, at + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}

const ROW_HEAD_BYTES = 6;

/** Gathers rows into the payload of a block. */
export class RowsPacker {
  #pieces: Buffer[] = [];
  bytes = 0;

  add(key: string, value: Uint8Array): void {
    const name = Buffer.from(key, "utf8");
    const head = Buffer.alloc(ROW_HEAD_BYTES);
    head.writeUInt16LE(name.length, 0);
    head.writeUInt32LE(value.length, 2);
    this.#pieces.push(head, name, Buffer.from(value.buffer, value.byteOffset, value.length));
    this.bytes += ROW_HEAD_BYTES + name.length + value.length;
  }

  /** What was gathered; the packer is empty then. */
  take(): Buffer {
    const payload = Buffer.concat(this.#pieces, this.bytes);
    this.#pieces = [];
    this.bytes = 0;
    return payload;
  }
}

/** The rows of a block. */
export function* rowsOf(payload: Buffer): Generator<{ key: string; value: Buffer }> {
  for (let at = 0; at < payload.length; ) {
    const keyEnd = at + ROW_HEAD_BYTES + payload.readUInt16LE(at);
    const valueEnd = keyEnd + payload.readUInt32LE(at + 2);
    const key = payload.toString("utf8", at + ROW_HEAD_BYTES, keyEnd);
    yield { key, value: payload.subarray(keyEnd, valueEnd) };
    at = valueEnd;
  }
}

/** The payload of a file's block. */
export function packFile(name: string, bytes: Uint8Array): Buffer {
  const head = Buffer.from(`${name}\n`, "utf8");
  return Buffer.concat([head, bytes]);
}

/** A file, from its block. */
export function fileOf(payload: Buffer): { readonly name: string; readonly bytes: Buffer } {
  const end = payload.indexOf("\n");
  return { name: payload.toString("utf8", 0, end), bytes: payload.subarray(end + 1) };
}

/** Counts what goes through it. */
export class ContentsMeter {
  readonly #hash: Hash = createHash("sha256");
  #rows = 0;
  #bytes = 0;

  take(payload: Uint8Array, rows: number): void {
    this.#hash.update(payload);
    this.#bytes += payload.length;
    this.#rows += rows;
  }

  /** At its end. */
  contents(): Contents {
    return { rows: this.#rows, bytes: this.#bytes, sha256: this.#hash.digest("hex") };
  }
}
