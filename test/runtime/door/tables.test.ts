// Tenant tables and counters over a real folder.

import { afterEach, expect, test } from "vitest";
import type { Tables } from "../../../runtime/system.ts";
import { startTestSystem, stopAll } from "../../support/threads-system.ts";

afterEach(stopAll);

async function startTables(): Promise<Tables> {
  const { system } = await startTestSystem({ workers: 0 });
  return system.tables;
}

const put = (id: string, value: unknown) => ({ type: "put", table: "agents", id, value }) as const;

test("a written row is read back with a revision that changes with its value", async () => {
  const tables = await startTables();
  await tables.write("tn_1", [put("a", { name: "one" })]);
  const before = await tables.get("tn_1", "agents", "a");
  await tables.write("tn_1", [put("a", { name: "two" })]);
  const after = await tables.get("tn_1", "agents", "a");

  expect(before).toMatchObject({ id: "a", value: { name: "one" } });
  expect(after?.revision).not.toBe(before?.revision);
  expect(await tables.get("tn_2", "agents", "a")).toBeUndefined();
});

test("a conditional write fails on another revision and leaves nothing of its call", async () => {
  const tables = await startTables();
  await tables.write("tn_1", [put("a", 1)]);
  const row = await tables.get("tn_1", "agents", "a");
  const base = { type: "put-if", table: "agents" } as const;

  await expect(
    tables.write("tn_1", [put("b", 1), { ...base, id: "a", value: 2, revision: "other" }]),
  ).rejects.toMatchObject({ code: "REVISION_MISMATCH" });
  await expect(
    tables.write("tn_1", [put("b", 1), { ...base, id: "a", value: 2, revision: null }]),
  ).rejects.toMatchObject({ code: "REVISION_MISMATCH" });
  await tables.write("tn_1", [{ ...base, id: "a", value: 2, revision: row?.revision ?? null }]);

  expect(await tables.get("tn_1", "agents", "b")).toBeUndefined();
  expect(await tables.get("tn_1", "agents", "a")).toMatchObject({ value: 2 });
});

test("of many callers that write the same revision exactly one succeeds, others go on", async () => {
  const tables = await startTables();
  await tables.write("tn_1", [put("a", 0)]);
  const revision = (await tables.get("tn_1", "agents", "a"))?.revision ?? "";

  const calls = Array.from({ length: 20 }, (_, n) =>
    n % 2 === 0
      ? tables.write("tn_1", [{ type: "put-if", table: "agents", id: "a", value: n + 1, revision }])
      : tables.write("tn_1", [put(`other${n}`, n)]),
  );
  const results = await Promise.allSettled(calls);

  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(11);
});

test("what is refused for what stands there already is never read meanwhile", async () => {
  const tables = await startTables();
  const insert = (value: string) =>
    tables.write("tn_1", [{ type: "put-if", table: "agents", id: "a", value, revision: null }]);
  await insert("first");
  let isOver = false;
  const later = insert("later")
    .catch((error: unknown) => error)
    .finally(() => {
      isOver = true;
    });

  const read = new Set<unknown>();
  while (!isOver) {
    read.add((await tables.get("tn_1", "agents", "a"))?.value);
    await new Promise((resolve) => setImmediate(resolve));
  }

  expect(await later).toMatchObject({ code: "REVISION_MISMATCH" });
  expect([...read]).toEqual(["first"]);
});

test("who reads when the system has ended is told so", async () => {
  const { system } = await startTestSystem({ workers: 0 });
  await system.stop();

  const late = [system.tables.get("tn_1", "agents", "a"), system.cancel("tn_1", "rn_1", "late")];

  for (const one of late) await expect(one).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
});

test("a list has the rows after a row, with a prefix, in both directions, and a limit", async () => {
  const tables = await startTables();
  const ids = ["a1", "a2", "a3", "b1"];
  await tables.write(
    "tn_1",
    ids.map((id) => put(id, id)),
  );
  const list = async (options: Parameters<Tables["list"]>[2]) =>
    (await tables.list("tn_1", "agents", options)).map((row) => row.id);

  expect(await list({ limit: 200 })).toEqual(ids);
  expect(await list({ limit: 2 })).toEqual(["a1", "a2"]);
  expect(await list({ after: "a1", limit: 200 })).toEqual(["a2", "a3", "b1"]);
  expect(await list({ prefix: "a", after: "a1", limit: 200 })).toEqual(["a2", "a3"]);
  expect(await list({ after: "a3", reverse: true, limit: 200 })).toEqual(["a2", "a1"]);
  await expect(list({ limit: 201 })).rejects.toMatchObject({ code: "INVALID" });
});

test("a counter does not fall below its minimum", async () => {
  const tables = await startTables();
  const add = (delta: number) => ({ type: "add", counter: "balance", delta, min: 0 }) as const;

  expect(await tables.write("tn_1", [add(5)])).toEqual({ counters: { balance: 5 } });
  await expect(tables.write("tn_1", [put("a", 1), add(-6)])).rejects.toMatchObject({
    code: "BALANCE_EXHAUSTED",
  });

  expect(await tables.counter("tn_1", "balance")).toBe(5);
  expect(await tables.get("tn_1", "agents", "a")).toBeUndefined();
});

test("a tenant's or table's name cannot reach into another one", async () => {
  const tables = await startTables();
  await tables.write("tn_1", [put("a", 1)]);

  await expect(tables.get("tn_1/agents", "a", "b")).rejects.toMatchObject({ code: "INVALID" });
  await expect(tables.list("tn_1", "agents/a", { limit: 1 })).rejects.toMatchObject({
    code: "INVALID",
  });
});
