// Writes zips byte by byte, honest ones and such as no tool would write: what an attacker sends.

import { constants, crc32, deflateRawSync } from "node:zlib";

/** An entry; what is not said is as an honest zip has it. */
export interface RawEntry {
  readonly name: string | Buffer;
  /** Default empty. */
  readonly bytes?: Buffer;
  /** Default deflated. */
  readonly isStored?: boolean;
  /** What stands in the zip instead of the deflated bytes. */
  readonly packed?: Buffer;
  /** Size that is claimed. */
  readonly claims?: number;
  readonly crc?: number;
  readonly flags?: number;
  readonly method?: number;
  /** Unix file mode. Default a file's. */
  readonly mode?: number;
  /** Name before the bytes. Default `name`. */
  readonly localName?: string;
  /** The entry has no bytes of its own: those of the entry with this number are its. */
  readonly over?: number;
}

const MAX_16 = 0xffff;
const MAX_32 = 0xffff_ffff;

/** The zip. With more entries or larger claims than the plain format has room for it is a zip64. */
export function rawZip(entries: readonly RawEntry[]): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  const offsets: number[] = [];
  let at = 0;
  for (const [number, entry] of entries.entries()) {
    const made = headsOf(entry);
    const offset = entry.over === undefined ? at : (offsets[entry.over] ?? 0);
    offsets[number] = offset;
    if (entry.over === undefined) {
      parts.push(made.local);
      at += made.local.length;
    }
    central.push(made.central(offset));
  }
  const directory = Buffer.concat(central);
  return Buffer.concat([...parts, directory, endOf(entries.length, directory.length, at)]);
}

/** Files as an honest zip has them. */
export function zipOf(files: Readonly<Record<string, string | Buffer>>): Buffer {
  return rawZip(Object.entries(files).map(([name, text]) => ({ name, bytes: Buffer.from(text) })));
}

/** So many bytes of zeros, deflated: 16 KiB for each 16 MiB, without a buffer of their size. */
export function deflatedZeros(bytes: number): Buffer {
  const step = 16 * 1024 * 1024;
  const one = deflateRawSync(Buffer.alloc(step), { finishFlush: constants.Z_FULL_FLUSH });
  const end = deflateRawSync(Buffer.alloc(0));
  return Buffer.concat([...Array<Buffer>(Math.ceil(bytes / step)).fill(one), end]);
}

function headsOf(entry: RawEntry) {
  const { bytes = Buffer.alloc(0), isStored = false, mode = 0o100644 } = entry;
  const name = Buffer.from(entry.name);
  const packed = entry.packed ?? (isStored ? bytes : deflateRawSync(bytes));
  const claims = entry.claims ?? bytes.length;
  const extra = claims > MAX_32 ? zip64Extra(claims, packed.length) : Buffer.alloc(0);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(claims > MAX_32 ? 45 : 20, 0);
  common.writeUInt16LE(entry.flags ?? 0x0800, 2);
  common.writeUInt16LE(entry.method ?? (isStored ? 0 : 8), 4);
  common.writeUInt32LE(entry.crc ?? crc32(bytes), 10);
  common.writeUInt32LE(claims > MAX_32 ? MAX_32 : packed.length, 14);
  common.writeUInt32LE(Math.min(claims, MAX_32), 18);
  common.writeUInt16LE(name.length, 22);
  common.writeUInt16LE(extra.length, 24);
  const localName = Buffer.from(entry.localName ?? entry.name);
  const local = Buffer.from(common);
  local.writeUInt16LE(localName.length, 22);
  return {
    local: Buffer.concat([word(0x04034b50), local, localName, extra, packed]),
    central: (offset: number): Buffer => {
      const place = Buffer.alloc(14);
      place.writeUInt32LE(mode * 0x1_0000, 6);
      place.writeUInt32LE(offset, 10);
      const madeBy = Buffer.from([20, 3]);
      return Buffer.concat([word(0x02014b50), madeBy, common, place, name, extra]);
    },
  };
}

function zip64Extra(claims: number, packed: number): Buffer {
  const extra = Buffer.alloc(20);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(16, 2);
  extra.writeBigUInt64LE(BigInt(claims), 4);
  extra.writeBigUInt64LE(BigInt(packed), 12);
  return extra;
}

function endOf(count: number, size: number, offset: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(count, MAX_16), 8);
  end.writeUInt16LE(Math.min(count, MAX_16), 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  if (count <= MAX_16) return end;
  const zip64 = Buffer.alloc(56);
  zip64.writeUInt32LE(0x06064b50, 0);
  zip64.writeBigUInt64LE(44n, 4);
  zip64.writeUInt16LE(45, 12);
  zip64.writeUInt16LE(45, 14);
  zip64.writeBigUInt64LE(BigInt(count), 24);
  zip64.writeBigUInt64LE(BigInt(count), 32);
  zip64.writeBigUInt64LE(BigInt(size), 40);
  zip64.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(offset + size), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([zip64, locator, end]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
