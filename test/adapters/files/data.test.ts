// Statistics of tables: right numbers from each format, and a refusal with its reason of what is none.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DataQuery } from "../../../actors/files.ts";
import { createFiles } from "../../../adapters/files/files.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { inlineCompute } from "../../support/inline-compute.ts";
import { type JailRoom, makeJailRoom, TENANT } from "../../support/jail-room.ts";

// Made by hyparquet-writer: city (text, one null), sold (1 to 4), price (1.5 to 4.5).
const PARQUET =
  "UEFSMRUGFTQVNlwVCBUCFQgVABUEFQAAAAMHGBwEAAAAT3NsbwEILFJvbWUEAAAAT3NsbxUGFSQVKFwVCBUAFQgVABUEFQAAAAMPEDwBAAAAAgAAAAMAAAAEAAAAFQYVRBU6XBUIFQAVCBUAFQQVAAAAAw8gAAAFAQT4PwUHCAAEQAkIJAxAAAAAAAAAEkAVBBlMSARyb290FQYAFQwlAhgEY2l0eSUAABUCJQIYBHNvbGQAFQolAhgFcHJpY2UAFggZHBk8JggcFQwZFQAZGARjaXR5FQIWCBZeFmAmCDw2AigEUm9tZRgET3NsbwAZHBUGFQAVAgAAACZoHBUCGRUAGRgEc29sZBUCFggWThZSJmg8NgAoBAQAAAAYBAEAAAAAGRwVBhUAFQIAAAAmugEcFQoZFQAZGAVwcmljZRUCFggWbhZkJroBPDYAKAgAAAAAAAASQBgIAAAAAAAA+D82AAAZHBUGFQAVAgAAABaaAhYINpYCACgJaHlwYXJxdWV0GTwcAAAcAAAcAAAAAAEAAFBBUjE=";

interface Summary {
  readonly rows: number;
  readonly columns: readonly Readonly<Record<string, unknown>>[];
  readonly groups?: readonly Readonly<Record<string, unknown>>[];
}

let room: JailRoom;
beforeAll(() => {
  room = makeJailRoom();
});
afterAll(() => room.end());
const analyze = async (query: Partial<DataQuery>): Promise<Summary> => {
  const whole = { tenant: TENANT, paths: ["work"], path: "", ...query };
  const files = createFiles(room.grants, inlineCompute);
  return (await files.analyze(whole, new AbortController().signal)) as Summary;
};
const put = (name: string, content: string | Buffer): void =>
  writeFileSync(join(room.work, name), content);
const refusal = (query: Partial<DataQuery>): Promise<string> =>
  analyze(query).then(
    () => "none",
    (error: RuntimeError) => `${error.code} ${error.message}`,
  );

test("columns of CSV have types, nulls, extents, quantiles and frequent values", async () => {
  put(
    "a.csv",
    'city;sold;at;ok;x\nOslo;1;2026-01-02;true;1\n"Rome; old";2;2025-01-02;false;a\nOslo;3;;true;\n',
  );
  const { rows, columns } = await analyze({ path: "a.csv" });
  expect(rows).toBe(3);
  expect(columns).toEqual([
    {
      ...{ name: "city", type: "text", count: 3, nulls: 0, distinct: 2 },
      top: [
        { value: "Oslo", count: 2 },
        { value: "Rome; old", count: 1 },
      ],
    },
    expect.objectContaining({
      ...{ name: "sold", type: "integer", count: 3, nulls: 0, min: 1, max: 3, mean: 2, sum: 6 },
      quantiles: { p05: 1.1, p25: 1.5, median: 2, p75: 2.5, p95: 2.9 },
      standard_deviation: 1,
    }),
    expect.objectContaining({ type: "date", nulls: 1, min: "2025-01-02", max: "2026-01-02" }),
    expect.objectContaining({ type: "boolean", distinct: 2 }),
    expect.objectContaining({ type: "mixed", types: { integer: 1, text: 1 }, nulls: 1 }),
  ]);
});

test("JSON, JSON lines and Parquet say the same as CSV of the same rows", async () => {
  const rows = [
    { city: "Rome", sold: 1, price: 1.5 },
    { city: "Oslo", sold: 2, price: 2.5 },
    { city: "Oslo", sold: 3, price: 3.5 },
    { city: null, sold: 4, price: 4.5 },
  ];
  const csv = ["city,sold,price", ...rows.map((row) => Object.values(row).join(","))].join("\n");
  put("b.parquet", Buffer.from(PARQUET, "base64"));
  put("b.jsonl", rows.map((row) => JSON.stringify(row)).join("\n"));
  const wanted = await analyze({ text: csv, format: "csv", groupBy: "city" });
  const columnsOf = ({ rows, columns, groups }: Summary) => ({ rows, columns, groups });
  const text = JSON.stringify({ of: "sales", rows });
  for (const query of [{ text, format: "json" }, { path: "b.jsonl" }] as const) {
    expect(columnsOf(await analyze({ ...query, groupBy: "city" }))).toEqual(columnsOf(wanted));
  }
  const parquet = await analyze({ path: "b.parquet" });
  expect(parquet.rows).toBe(4);
  expect(parquet.columns[0]).toMatchObject({ name: "city", count: 3, nulls: 1, distinct: 2 });
  expect(parquet.columns.slice(1)).toEqual(wanted.columns.slice(1));
});

test("groups are the values of a column, the largest first, with sums of the others", async () => {
  const text = "k,n\na,1\nb,10\na,3\n,7\n";
  const { groups } = await analyze({ text, format: "csv", groupBy: "k" });
  expect(groups).toEqual([
    { value: "a", rows: 2, n: { count: 2, sum: 4, mean: 2, min: 1, max: 3 } },
    { value: "(none)", rows: 1, n: { count: 1, sum: 7, mean: 7, min: 7, max: 7 } },
    { value: "b", rows: 1, n: { count: 1, sum: 10, mean: 10, min: 10, max: 10 } },
  ]);
  const { columns } = await analyze({ text, format: "csv", columns: ["n"] });
  expect(columns.map(({ name }) => name)).toEqual(["n"]);
});

test("numbers are those of a plain reckoning", async () => {
  const numbers = fc.array(fc.integer({ min: -1_000_000, max: 1_000_000 }), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(numbers, async (all) => {
      const text = JSON.stringify(all.map((n) => ({ n })));
      const [column] = (await analyze({ text, format: "json" })).columns;
      const sum = all.reduce((a, b) => a + b, 0);
      expect(column).toMatchObject({ min: Math.min(...all), max: Math.max(...all) });
      expect(column?.["sum"]).toBeCloseTo(sum, 3);
      const sorted = [...all].sort((a, b) => a - b);
      const [low, high] = [(all.length - 1) / 2, (all.length - 1) / 2].map((at, n) =>
        n === 0 ? sorted[Math.floor(at)] : sorted[Math.ceil(at)],
      ) as [number, number];
      expect(column?.["quantiles"]).toMatchObject({ median: (low + high) / 2 });
    }),
    { numRuns: 50 },
  );
});

test("what cannot be read is refused with its reason", async () => {
  put("c.parquet", Buffer.from(PARQUET, "base64").subarray(40));
  put("d.parquet", "PAR1");
  put("e.json", "{");
  put("f.json", '{"a": 1}');
  put("g.jsonl", '{"a": 1}\n{"a": ');
  put("h.csv", Buffer.from([0, 1, 2]));
  put("i.csv", `${"x,".repeat(501)}\n`);
  put("noext", "a,b");
  for (const name of ["c.parquet", "d.parquet", "e.json", "f.json", "h.csv", "i.csv"]) {
    expect(await refusal({ path: name })).toMatch(/^DOCUMENT_UNREADABLE/);
  }
  expect(await refusal({ path: "g.jsonl" })).toBe(
    "DOCUMENT_UNREADABLE The JSON cannot be read, line 2.",
  );
  expect(await refusal({ path: "noext" })).toMatch(/^INVALID.*format/);
  expect(await refusal({ text: "a" })).toMatch(/^INVALID.*format/);
  const known = { text: "a,b\n1,2\n", format: "csv" } as const;
  expect(await refusal({ ...known, groupBy: "c" })).toMatch(/^INVALID.*"c".*a, b/);
  expect(await refusal({ ...known, columns: ["d"] })).toMatch(/^INVALID.*"d"/);
});

test.each([
  [new RuntimeError("DEADLINE", "Late.", { phase: "running" }), "takes longer than 30 s"],
  [new RuntimeError("TASK_MEMORY", "Full."), "MiB of memory"],
  [new RuntimeError("INTERNAL", "Died."), "cannot cope"],
])("what a thread dies of is the fault of the data, told once: %s", async (error, said) => {
  const files = createFiles(room.grants, { run: () => Promise.reject(error) });
  const query = { tenant: TENANT, paths: ["work"], path: "", text: "a", format: "csv" } as const;
  const refused = files.analyze(query, new AbortController().signal);
  await expect(refused).rejects.toMatchObject({
    ...{ code: "DOCUMENT_UNREADABLE", message: expect.stringContaining(said) },
  });
});
