// Triggers of type `file_change` through the real door and on a real disk: each change is told once, when it is over,
// also what happened while no server ran, and over kills at any moment.

import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

let product: Product;
let agent: string;
let folder: string;
beforeAll(async () => {
  product = await startProduct({
    config: 'tools:\n  folders:\n    - { name: desk, path: ./desk, tenants: ["*"] }\n',
  });
  folder = join(product.folder, "desk");
  mkdirSync(folder);
  agent = (await post("/v2/agents", { name: "Desk", model_name: "m" })).id;
});
afterAll(() => product.end());

async function post(path: string, body: object): Promise<Json> {
  const { status, body: made } = await product.call("POST", path, body);
  expect(status, JSON.stringify(made)).toBeLessThan(300);
  return made;
}
const within = { timeout: 20_000, interval: 20 };

/** A trigger on a folder of its own. */
async function watching(name: string, more: object = {}): Promise<string> {
  mkdirSync(join(folder, name), { recursive: true });
  const made = await post("/v2/triggers", {
    ...{ name, target: agent, type: "file_change", path: `desk/${name}`, settle: 1, ...more },
  });
  return made.id;
}
const put = (path: string, text = "x"): void => writeFileSync(join(folder, path), text);
const status = async (id: string): Promise<Json> =>
  (await product.call("GET", `/v2/triggers/${id}/status`)).body;

async function ledger(id: string): Promise<readonly Json[]> {
  const { data } = (await product.call("GET", `/v2/triggers/${id}/occurrences?limit=100`)).body;
  return [...data].reverse();
}

/** What it was told, oldest first, each as "event path". */
async function told(id: string): Promise<readonly string[]> {
  const rows = await ledger(id);
  return rows.flatMap(({ data }) =>
    data.changes.map(({ event, path, was }: Json) =>
      [event, was, path].filter((part) => part !== undefined).join(" "),
    ),
  );
}

test("files that come, change, move and go are told once each, by the paths that tools take", async () => {
  mkdirSync(join(folder, "in/deep"), { recursive: true });
  put("in/old.txt");
  put("in/edited.txt");
  put("in/gone.txt");
  const id = await watching("in");
  put("in/deep/new.txt", "four");
  renameSync(join(folder, "in/old.txt"), join(folder, "in/deep/moved.txt"));
  put("in/.edited.swp", "as editors write");
  renameSync(join(folder, "in/.edited.swp"), join(folder, "in/edited.txt"));
  unlinkSync(join(folder, "in/gone.txt"));
  symlinkSync("/etc/hostname", join(folder, "in/link.txt"));
  mkdirSync(join(folder, "in/later"));
  put("in/later/inside.txt");

  await expect.poll(async () => (await told(id)).length, within).toBe(5);
  expect([...(await told(id))].sort()).toEqual([
    "added desk/in/deep/new.txt",
    "added desk/in/later/inside.txt",
    "changed desk/in/edited.txt",
    "removed desk/in/gone.txt",
    "renamed desk/in/old.txt desk/in/deep/moved.txt",
  ]);
  const changes = (await ledger(id)).flatMap(({ data }) => data.changes);
  expect(changes.find(({ path }: Json) => path === "desk/in/deep/new.txt").bytes).toBe(4);
  const [row] = await ledger(id);
  expect(row).toMatchObject({ cause: "file_change", why: null });
  expect((await status(id)).files).toMatchObject({ state: "told", problem: null, folders: 3 });
});

test("only globs and events that are asked for are told, each file by itself where the record says so", async () => {
  const id = await watching("csv", {
    ...{ globs: ["*.csv"], events: ["added"], recursive: false, batch: 1 },
  });
  mkdirSync(join(folder, "csv/below"));
  for (const name of ["a.csv", "b.csv", "c.txt", "below/d.csv"]) put(`csv/${name}`);
  await expect.poll(async () => (await ledger(id)).length, within).toBe(2);
  put("csv/a.csv", "other");
  put("csv/e.part");
  renameSync(join(folder, "csv/e.part"), join(folder, "csv/e.csv"));
  await expect.poll(async () => (await ledger(id)).length, within).toBe(3);

  expect(await told(id)).toEqual([
    ...["added desk/csv/a.csv", "added desk/csv/b.csv", "added desk/csv/e.csv"],
  ]);
});

test("of files that are written while the server is killed again and again each change is told once", async () => {
  const id = await watching("kill", { batch: 3, queue_max: 1_000 });
  const names = Array.from({ length: 60 }, (_, at) => `f${`${at}`.padStart(2, "0")}.txt`);
  let made = 0;
  const write = async (upTo: number): Promise<void> => {
    for (; made < upTo; made += 1) {
      put(`kill/${names[made]}`, `${made}`);
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  };
  for (const upTo of [20, 40, 60]) {
    const writing = write(upTo);
    const before = (await ledger(id)).length;
    await expect.poll(async () => (await ledger(id)).length, within).toBeGreaterThan(before);
    await product.kill();
    await writing;
    await product.start();
  }
  await expect.poll(async () => (await told(id)).length, within).toBeGreaterThanOrEqual(60);
  // What comes last is told behind everything else.
  put("kill/last.txt");
  await expect
    .poll(async () => (await told(id)).includes("added desk/kill/last.txt"), within)
    .toBe(true);

  expect([...(await told(id))].sort()).toEqual(
    [...names, "last.txt"].map((name) => `added desk/kill/${name}`),
  );
});

test("what happened while no server ran is told at its start, and a folder that is gone is waited for", async () => {
  const id = await watching("down");
  put("down/one.txt");
  await expect.poll(() => told(id), within).toEqual(["added desk/down/one.txt"]);
  await product.stop();
  put("down/two.txt");
  renameSync(join(folder, "down/one.txt"), join(folder, "down/uno.txt"));
  await product.start();
  const all = [
    "added desk/down/one.txt",
    "added desk/down/two.txt",
    "renamed desk/down/one.txt desk/down/uno.txt",
  ];
  await expect.poll(async () => [...(await told(id))].sort(), within).toEqual(all);

  renameSync(join(folder, "down"), join(folder, "away"));
  await expect.poll(async () => (await status(id)).files.state, within).toBe("unavailable");
  expect((await status(id)).files.problem).toContain("desk/down");
  rmSync(join(folder, "away/two.txt"));
  renameSync(join(folder, "away"), join(folder, "down"));
  await expect
    .poll(async () => (await told(id)).slice(3), within)
    .toEqual(["removed desk/down/two.txt"]);
  expect((await status(id)).files.state).toBe("told");
});

test("a folder that nobody granted is refused by name, and other types have no folder", async () => {
  const fields = { name: "No", target: agent, type: "file_change", path: "other/in" };
  const refused = await product.call("POST", "/v2/triggers", fields);
  expect([refused.status, refused.body.pointer]).toEqual([400, "/path"]);
  expect(refused.body.detail).toContain("Granted are: desk");
});
