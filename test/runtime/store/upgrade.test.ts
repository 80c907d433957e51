// Folders of older formats are upgraded in place: a real one, and steps that are cut at any row.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { decode, encode } from "../../../runtime/store/codec.ts";
import { FOLDER_FORMAT, nextHeader, openFolder } from "../../../runtime/store/folder.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { open } from "../../../runtime/store/lmdb-library.ts";
import { type UpgradeStep, upgrade, upgradeSteps } from "../../../runtime/store/upgrade.ts";
import { startServer } from "../../support/running-server.ts";

const files = fileURLToPath(new URL("../../../../test/files/old-folder/", import.meta.url));
let root = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "troupe-upgrade-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const database = () =>
  open<Uint8Array, string>({ path: join(root, "hot.mdb"), encoding: "binary" });
const headerOf = (one: ReturnType<typeof database>) =>
  decode(one.getBinary(keys.header) ?? new Uint8Array()) as Record<string, unknown>;

test("the steps lead to this version's format, one by one", () => {
  expect(upgradeSteps.map(({ to }) => to)).toEqual([4]);
  expect(upgradeSteps.at(-1)?.to).toBe(FOLDER_FORMAT);
});

test("a folder that an earlier version has made is upgraded by a start, and all of it is there", async () => {
  for (const name of ["hot.mdb", "bulk.mdb", "master-key"]) {
    writeFileSync(join(root, name), brotliDecompressSync(readFileSync(`${files}${name}.br`)), {
      mode: 0o600,
    });
  }
  const key = "admin-key-of-the-old-folder";
  const settings = { TROUPE_DATA: root, TROUPE_ADMIN_KEY: key, TROUPE_WORKERS: "1" };
  const server = await startServer(settings);
  const get = async (path: string) => {
    const answer = await fetch(server.url + path, { headers: { "X-API-Key": key } });
    return (await answer.json()) as { data: Record<string, unknown>[] & Record<string, unknown> };
  };
  try {
    const agents = await get("/v2/agents");
    const conversation = "cv_01m83j44rq1bgyq0jrt6vn53zs";
    const { data } = await get(`/v1/proxy/core-agent-conversation-details/${conversation}`);

    expect(agents.data).toMatchObject([{ name: "Old Desk" }]);
    expect(data["messages"]).toMatchObject([
      { role: "user", content: "What did we say before?" },
      { role: "assistant" },
    ]);
  } finally {
    await server.stop();
    await server.end();
  }
  const stored = database();
  expect(headerOf(stored)).toMatchObject({ format: FOLDER_FORMAT, upgraded: [{ from: 3 }] });
  await stored.close();
});

test("a step that is cut at any row goes on there, and changes no row twice", async () => {
  const one = database();
  const header = { ...nextHeader(undefined, "hot"), format: 3 };
  one.putSync(keys.header, encode(header));
  one.putSync(keys.counted, encode({ through: null, boots: header.boots }));
  const names = Array.from({ length: 2_500 }, (_, n) => `t/${String(n).padStart(5, "0")}`);
  for (const name of names) one.putSync(name, encode({ changed: 0 }));
  let untilCut = 0;
  const step: UpgradeStep = {
    to: 4,
    what: "counts itself",
    row: (_, key, value) => {
      untilCut -= 1;
      if (untilCut === 0) throw new Error("cut");
      if (key.endsWith("7")) return null;
      const { changed } = decode(value) as { readonly changed: number };
      return encode({ changed: changed + 1 });
    },
  };
  for (untilCut of [1, 700, 1_300, 1_499]) {
    await expect(upgrade(one, { steps: [step] })).rejects.toThrow("cut");
    expect(headerOf(one)).toMatchObject({ format: 3 });
  }

  await upgrade(one, { steps: [step, { to: 5, what: "nothing" }], nowMs: 7 });
  await upgrade(one, { steps: [step] });

  const left = [...one.getRange({ start: "t/", end: "t0" })];
  expect(left).toHaveLength(2_250);
  expect(left.every(({ value }) => (decode(value) as { changed: number }).changed === 1)).toBe(
    true,
  );
  // What tenants have stored is counted anew: rows have other sizes.
  expect(one.getBinary(keys.counted)).toBeUndefined();
  expect(headerOf(one)).toEqual({
    ...{ ...header, format: 5 },
    upgraded: [
      { from: 3, atMs: 7 },
      { from: 4, atMs: 7 },
    ],
  });
  await one.close();
});

test("a newer folder is refused with what to do, and a place where nothing can be made at once", () => {
  const newer = encode({ ...nextHeader(undefined, "hot"), format: FOLDER_FORMAT + 1 });

  expect(() => nextHeader(newer, "hot")).toThrow(/start the newer version.*troupe restore FILE/);
  expect(() => openFolder("/proc/nothing/below")).toThrow(/nothing can be made there/);
});
