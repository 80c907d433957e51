// A skill as a zip, a piece at a time: its files stored as they are, in a folder with the skill's name.
// Sizes and checksums are known from when it was read, so that nothing is held but one piece.

import type { SkillFile } from "../../actors/records/skill.ts";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
/** 2.0: folders and deflate. */
const VERSION = 20;
/** Made on Unix, so that the mode below counts. */
const MADE_BY = (3 << 8) | VERSION;
const UTF8_FLAG = 0x0800;
/** 1980-01-01: the same files are the same zip. */
const DATE = 0x0021;
/** A file that its owner writes and all read. */
const MODE = 0o100644;

/** The bytes of the zip. @param pieces of a file. */
export async function* zipPieces(
  folder: string,
  files: readonly SkillFile[],
  pieces: (file: SkillFile) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const central: Buffer[] = [];
  let at = 0;
  for (const file of files) {
    const name = Buffer.from(`${folder}/${file.path}`);
    const common = commonOf(file, name);
    const head = Buffer.concat([word(LOCAL), common, name]);
    central.push(word(CENTRAL), short(MADE_BY), common, centralOf(at), name);
    yield head;
    yield* pieces(file);
    at += head.length + file.bytes;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  yield Buffer.concat([directory, end]);
}

/** What stands in both heads of a file. */
function commonOf({ bytes, crc32 }: SkillFile, name: Buffer): Buffer {
  const common = Buffer.alloc(26);
  common.writeUInt16LE(VERSION, 0);
  common.writeUInt16LE(UTF8_FLAG, 2);
  common.writeUInt16LE(DATE, 8);
  common.writeUInt32LE(crc32, 10);
  common.writeUInt32LE(bytes, 14);
  common.writeUInt32LE(bytes, 18);
  common.writeUInt16LE(name.length, 22);
  return common;
}

function centralOf(offset: number): Buffer {
  const place = Buffer.alloc(14);
  place.writeUInt32LE(MODE * 0x1_0000, 6);
  place.writeUInt32LE(offset, 10);
  return place;
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function short(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}
