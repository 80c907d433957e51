// Postings files of a tenant whose text is sealed: the same hits as in clear, no word in the file, and
// nothing of a block that lies elsewhere, was changed, or whose key is destroyed.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { searchLexical } from "../../../actors/knowledge/bm25.ts";
import type { PostingsHeader } from "../../../actors/knowledge/segment.ts";
import { BLOCK_BYTES, createBytes, openBytes } from "../../../adapters/lexical/postings-bytes.ts";
import { createPostingsFiles } from "../../../adapters/lexical/postings-files.ts";
import { emptyMasterKeys, replaceMasterKeys } from "../../../adapters/vault/master-keys.ts";
import { createSealing } from "../../../adapters/vault/sealing.ts";
import { createSealer } from "../../../adapters/vault/tenant-sealer.ts";
import type { Sealer } from "../../../runtime/store/sealer.ts";

let data: string;
let sealer: Sealer;
let sealing: ReturnType<typeof createSealing>;
const folderOf = (tenant: string): string => join(data, "index", tenant, "col_1");

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), "troupe-postings-sealed-"));
  const memory = emptyMasterKeys();
  replaceMasterKeys(memory, [new Uint8Array(32).fill(5)]);
  const settings = { encryption: "on", tenantKeys: null, data } as const;
  sealing = createSealing(settings, memory, async () => undefined);
  await sealing.prepare(true, nobody());
  sealer = createSealer(sealing.source.data);
  for (const tenant of ["tn_a", "tn_b"]) mkdirSync(folderOf(tenant), { recursive: true });
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

/** No tenant has anything sealed yet. */
async function* nobody(): AsyncGenerator<string> {}

/** Texts enough for many blocks, each word of its own beside common ones. */
const texts = Array.from({ length: 6_000 }, (_, n) => `zqxword${n} common zqxpair${n % 700}`);

async function made(
  files: ReturnType<typeof createPostingsFiles>,
  name: string,
  slots: readonly number[],
  previous: PostingsHeader | null = null,
): Promise<PostingsHeader> {
  const build = await files.build(folderOf("tn_a"), previous);
  for (const slot of slots) build.add(slot, texts[slot] ?? "");
  return await build.save(name);
}

test("a sealed file that was continued has the hits of one in clear, and no word in it", async () => {
  const clear = createPostingsFiles();
  const sealed = createPostingsFiles(sealer);
  const slots = [...texts.keys()];
  const [half, rest] = [slots.slice(0, 3_000), slots.slice(3_000)];
  const plain = await made(clear, "clear.postings", slots);
  const first = await made(sealed, "first.postings", half);
  const second = await made(sealed, "second.postings", rest, first);

  const views = [
    await clear.view(folderOf("tn_a"), plain),
    await sealed.view(folderOf("tn_a"), second),
  ];
  for (const query of ["zqxword17", "common zqxpair3", "zqxword5999", "nowhere"]) {
    const [own, other] = views.map((view) => searchLexical([view], query, 50));
    expect(other, query).toEqual(own);
  }
  for (const view of views) view.close();
  const bytes = readFileSync(join(folderOf("tn_a"), "second.postings"));
  expect(bytes.includes("zqxword")).toBe(false);
  expect(readFileSync(join(folderOf("tn_a"), "clear.postings")).includes("zqxword")).toBe(true);
});

test("bytes are read as they were written, at and around the ends of blocks", () => {
  const folder = folderOf("tn_a");
  for (const size of [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES]) {
    const bytes = Buffer.from(Array.from({ length: size }, (_, n) => n % 251));
    const sink = createBytes(folder, { temporary: "x.tmp", name: "x" }, sealer);
    sink.write(bytes.subarray(0, size / 3));
    sink.write(bytes.subarray(size / 3));
    sink.close();
    writeFileSync(join(folder, "x"), readFileSync(join(folder, "x.tmp")));

    const file = openBytes(folder, "x", sealer);
    expect(file.length).toBe(size);
    expect(file.read(0, size).equals(bytes)).toBe(true);
    const from = Math.max(0, size - BLOCK_BYTES - 2);
    expect(file.read(from, size - from).equals(bytes.subarray(from))).toBe(true);
    expect(() => file.read(size, 1)).toThrow(/cut/);
    file.close();
  }
});

test("a block in another place, file or tenant, a changed one, and one without its key are errors", () => {
  const write = (tenant: string, name: string): Buffer => {
    const sink = createBytes(folderOf(tenant), { temporary: name, name }, sealer);
    sink.write(Buffer.alloc(2 * BLOCK_BYTES, name));
    sink.close();
    return readFileSync(join(folderOf(tenant), name));
  };
  const read = (tenant: string, name: string, bytes: Buffer): Buffer => {
    writeFileSync(join(folderOf(tenant), name), bytes);
    const file = openBytes(folderOf(tenant), name, createSealer(sealing.source.data));
    try {
      return file.read(0, 8);
    } finally {
      file.close();
    }
  };
  const [own, other] = [write("tn_a", "one"), write("tn_a", "two")];
  write("tn_b", "one");
  const stride = (own.length - 4) / 2;
  const swapped = Buffer.concat([
    ...[own.subarray(stride, 2 * stride), own.subarray(0, stride)],
    own.subarray(2 * stride),
  ]);
  const changed = Buffer.from(own);
  changed[40] = (changed[40] ?? 0) ^ 1;

  for (const bytes of [swapped, changed, other]) {
    expect(() => read("tn_a", "one", bytes)).toThrow(/cannot be opened/);
  }
  expect(() => read("tn_b", "one", own)).toThrow(/cannot be opened/);
  expect(read("tn_a", "one", own).toString()).toBe("oneoneon");
  sealing.destroy("tn_a");
  expect(() => read("tn_a", "one", own)).toThrow(/cannot be opened/);
});
