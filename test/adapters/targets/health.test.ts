// Whether targets are there, without anybody asking: what is found, what is told of it, and how often it is looked.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { systemTables, systemTenant } from "../../../actors/records/api-key.ts";
import { createTargetHost, type TargetHost } from "../../../adapters/targets/host.ts";
import { keepTargets } from "../../../adapters/targets/keeping.ts";
import { createTargetWaits } from "../../../adapters/targets/waits.ts";
import type { LogLevel } from "../../../runtime/log.ts";
import type { System, TableRow, TableWrite } from "../../../runtime/system.ts";

const ROUND_MS = 5 * 60_000;
const first = "tn_default";

let root: string;
let host: TargetHost;
const rows = new Map<string, unknown>();
const logged: (readonly [LogLevel, unknown])[] = [];
const sent: unknown[] = [];

const at = (tenant: string, table: string, id = ""): string => `${tenant}/${table}/${id}`;
const rowsOf = (tenant: string, table: string): readonly TableRow[] =>
  [...rows].flatMap(([key, value]) => {
    const id = key.slice(at(tenant, table).length);
    return key.startsWith(at(tenant, table)) ? [{ id, value, revision: "1" }] : [];
  });
const tables = {
  get: async (tenant: string, table: string, id: string) =>
    rowsOf(tenant, table).find((row) => row.id === id),
  list: async (tenant: string, table: string) => rowsOf(tenant, table),
  write: async (tenant: string, ops: readonly TableWrite[]) => {
    for (const op of ops) {
      if (op.type === "put") rows.set(at(tenant, op.table, op.id), op.value);
      else if (op.type === "remove") rows.delete(at(tenant, op.table, op.id));
    }
  },
} as unknown as System["tables"];
const log = {
  write: (level: LogLevel, _: string, fields: unknown) => void logged.push([level, fields]),
};
const target = (id: string, folder: string, more: object = {}): void => {
  const record = { id, version: 1, name: id, type: "local", config: { folder }, ...more };
  rows.set(at(first, "targets", id), { record, version: 1 });
};
const health = (id: string) => rows.get(at(first, "target-health", id));

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "troupe-health-"));
  const send = async (...of: readonly unknown[]): Promise<null> => {
    sent.push(of);
    return null;
  };
  const system = { tables, send } as unknown as Pick<System, "tables" | "send">;
  const data = join(root, "data");
  host = createTargetHost({ system, data, log, hosts: [], nowMs: Date.now });
  rows.set(at(systemTenant, systemTables.tenants, first), {});
});
afterAll(async () => {
  await host.end();
  await rm(root, { recursive: true, force: true });
});

test("all targets are looked at after a start and every five minutes, and changes are told", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const folder = join(root, "work");
  target("tg_one", folder);
  target("tg_off", folder, { is_active: false });
  rows.set(at(first, "target-health", "tg_gone"), { status: "ok" });
  const stop = keepTargets({ tables, data: join(root, "data"), log, host: async () => host });
  try {
    await vi.waitFor(() => expect(health("tg_one")).toMatchObject({ status: "lost" }));
    const lost = host.health.figures();
    await mkdir(folder);
    await vi.advanceTimersByTimeAsync(ROUND_MS);
    await vi.waitFor(() => expect(health("tg_one")).toMatchObject({ status: "ok" }));
    await rm(folder, { recursive: true });
    await vi.advanceTimersByTimeAsync(ROUND_MS / 2);

    expect(health("tg_one")).toMatchObject({ status: "ok" });
    expect([health("tg_off"), health("tg_gone")]).toEqual([undefined, undefined]);
    expect([lost, host.health.figures()]).toEqual([
      { ok: 0, lost: 1, failed: 0, awaited: 0 },
      { ok: 1, lost: 0, failed: 0, awaited: 0 },
    ]);
    expect(logged).toMatchObject([
      ["warn", { target: "tg_one", status: "lost" }],
      ["info", { target: "tg_one", status: "ok" }],
    ]);
  } finally {
    stop();
    vi.useRealTimers();
  }
});

test("whoever waits for a target is told when anybody finds it back", async () => {
  const folder = join(root, "later");
  target("tg_two", folder);
  host.health.awaited({ tenant: "tn_friend", target: "tg_two", root: "cv_1" });
  expect(await host.health.check({ tenant: first, id: "tg_two" })).toMatchObject({
    status: "lost",
  });
  expect(host.health.figures().awaited).toBe(1);
  await mkdir(folder);

  await host.health.check({ tenant: first, id: "tg_two" });

  expect(sent).toEqual([["target-wait:tn_friend/cv_1", { type: "back", target: "tg_two" }]]);
  expect(host.health.figures().awaited).toBe(0);
});

test("of one tenant's many targets a few are looked at each time, in turn, and the operator's all", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  rows.set(at(systemTenant, systemTables.tenants, "tn_many"), {});
  const record = { type: "http", config: { url: "https://one.example" } };
  const many = Array.from({ length: 25 }, (_, at) => `tg_many${at}`);
  for (const id of many) rows.set(at("tn_many", "targets", id), { record: { ...record, id } });
  const rounds: string[][] = [];
  const round = async (of: readonly { readonly id: string }[]): Promise<void> =>
    void rounds.push(of.map(({ id }) => id));
  const counted = { ...host, health: { ...host.health, round } };
  const stop = keepTargets({ tables, data: join(root, "data"), log, host: async () => counted });
  try {
    await vi.waitFor(() => expect(rounds).toHaveLength(1));
    await vi.advanceTimersByTimeAsync(ROUND_MS);
    await vi.waitFor(() => expect(rounds).toHaveLength(2));
  } finally {
    stop();
    vi.useRealTimers();
  }

  const [first = [], second = []] = rounds;
  expect(first.slice(0, 2)).toEqual(["tg_one", "tg_two"]);
  expect([first.length, second.length]).toEqual([22, 22]);
  expect(new Set([...first, ...second].filter((id) => many.includes(id))).size).toBe(25);
});

test("one tenant's targets that do not answer hold up no other tenant's", async () => {
  const looked: string[] = [];
  const open: (() => void)[] = [];
  const waits = createTargetWaits({
    ...{ send: async () => undefined, log, nowMs: Date.now },
    look: async ({ target: id }) => {
      looked.push(id);
      await new Promise<void>((resolve) => open.push(resolve));
    },
  });
  for (let number = 0; number < 30; number += 1) {
    waits.awaited({ tenant: "tn_slow", target: `tg_slow${number}`, root: "cv_1" });
  }
  waits.awaited({ tenant: "tn_friend", target: "tg_quick", root: "cv_1" });

  await vi.waitFor(() => expect(looked).toHaveLength(3), 5_000);

  waits.stop();
  for (const resolve of open) resolve();
  expect(looked).toEqual(["tg_slow0", "tg_slow1", "tg_quick"]);
});
