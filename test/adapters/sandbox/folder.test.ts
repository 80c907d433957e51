// The operator's folder of scripts: what is a script, what is told of one that is none, and what stays meanwhile.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ReadScript } from "../../../actors/tools/script-run.ts";
import {
  keepScripts,
  type ScriptFolder,
  type ScriptFolderOptions,
} from "../../../adapters/sandbox/folder.ts";
import { readScript, type SentScript } from "../../../adapters/sandbox/read-script.ts";
import type { LogFields } from "../../../runtime/log.ts";
import type { TableRow } from "../../../runtime/system.ts";
import { hasSandbox, whyNoSandbox } from "../../support/sandbox.ts";

let folder: string;
let scripts: ScriptFolder;
let told: { readonly level: string; readonly message: string; readonly fields: LogFields }[];

const head =
  'export const description = "Counts.";\nexport const parameters = { type: "object" };\n';
const good = `${head}export default () => 1;\n`;
const write = (file: string, text: string): Promise<void> => writeFile(join(folder, file), text);
const codeOf = async (name: string, tenant = "tn_1"): Promise<string | undefined> =>
  (await scripts.find({ tenant, name }))?.code;

function keep(
  tenants: readonly string[] = ["*"],
  read: (sent: SentScript) => Promise<ReadScript> = readScript,
): void {
  scripts = keepScripts({
    folder,
    tenants,
    compute: { run: (_task, input) => read(input as SentScript) },
    tables: memoryTables(),
    log: { write: (level, message, fields = {}) => void told.push({ level, message, fields }) },
  });
}

/** What is in the audit, and rows that were written. */
let rows: Map<string, unknown>;
const audit = (): readonly unknown[] =>
  [...rows].flatMap(([id, row]) => (id.startsWith("audit/") ? [row] : []));

function memoryTables(): ScriptFolderOptions["tables"] {
  return {
    list: async (_tenant, table) =>
      [...rows].flatMap(([key, value]) => {
        const [of, id = ""] = key.split("/");
        return of === table ? [{ id, value: value as TableRow["value"], revision: "1" }] : [];
      }),
    write: async (_tenant, writes) => {
      for (const one of writes) {
        if (one.type === "put") rows.set(`${one.table}/${one.id}`, one.value);
        else if (one.type === "remove") rows.delete(`${one.table}/${one.id}`);
      }
      return { counters: {} };
    },
  };
}

beforeEach(async () => {
  rows = new Map();
  folder = await mkdtemp(join(tmpdir(), "troupe-folder-"));
  told = [];
});
afterEach(async () => {
  scripts.end();
  await rm(folder, { recursive: true, force: true });
});

test("files are scripts by their names, those in TypeScript without their types", async () => {
  await write("one.js", good);
  await write("two.ts", `${head}export default (args: { n: number }): number => args.n;\n`);
  await write("types.d.ts", "export type One = 1;\n");
  await write("README.md", "# Scripts\n");
  keep();

  expect(await scripts.find({ tenant: "tn_1", name: "one" })).toEqual({
    ...{ code: good, language: "javascript", entry: null, description: "Counts." },
    ...{ parameters: { type: "object" }, permissions: [] },
  });
  expect(await codeOf("two")).toContain("export default (args               )         => args.n;");
  expect(told.map(({ level, fields }) => [level, fields["tool"]])).toEqual([
    ["info", "custom.one"],
    ["info", "custom.two"],
  ]);
});

test("a broken file leaves its last good version, is told once with its place, and is taken when it is good again", async () => {
  await write("one.ts", good);
  keep();
  expect(await codeOf("one")).toBe(good);
  told = [];

  await write("one.ts", `${head}export default (args: = 1;\n`);
  await scripts.look();
  await scripts.look();

  expect(await codeOf("one")).toBe(good);
  expect(told).toEqual([
    {
      level: "error",
      message: "A script of the folder is broken; its last good version stays.",
      fields: {
        ...{
          file: join(folder, "one.ts"),
          problem: expect.stringMatching(/^It is no TypeScript:/),
        },
        ...{ line: 3, column: 23 },
      },
    },
  ]);
  await write("one.ts", `${good}// Better.\n`);
  await scripts.look();
  expect(await codeOf("one")).toContain("// Better.");
});

test.each([
  ["no function", `${head}export default 1;\n`, /no `export default async function/],
  [
    "no description",
    "export const parameters = { type: 'object' }; export default () => 1;",
    /description/,
  ],
  [
    "no schema",
    'export const description = "x"; export default () => 1;',
    /`export const parameters`/,
  ],
  [
    "a schema that refers elsewhere",
    'export const description = "x"; export const parameters = { type: "object", $ref: "https://example.com" }; export default () => 1;',
    /parameters`: .*\$ref/,
  ],
  [
    "an unknown permission",
    `${good}export const permissions = ["root"];\n`,
    /`export const permissions`/,
  ],
  ["a top that waits", `${good}await new Promise(() => undefined);\n`, /outside of its function/],
  ["an import", `import fs from "node:fs";\n${good}`, /could not load module/],
  ["a top that runs away", `${good}for (;;);\n`, /took longer than 1000 ms/],
  ["a file that is too large", `${good}//${"x".repeat(262_144)}`, /at most 262144/],
])("%s is no script, and those beside it are", async (_what, text, problem) => {
  await write("bad.js", text);
  await write("one.js", good);
  keep();

  expect(await codeOf("bad")).toBeUndefined();
  expect(await codeOf("one")).toBe(good);
  const [error] = told.filter(({ level }) => level === "error");
  expect(error?.fields["problem"]).toMatch(problem);
});

test("a script is gone with its file, and of two with one name the first is taken", async () => {
  await write("one.js", good);
  await write("one.ts", `${good}// Second.\n`);
  keep();
  expect(await codeOf("one")).toBe(good);
  expect(told.find(({ level }) => level === "error")?.fields["problem"]).toBe(
    "one.ts: there is one.js already",
  );

  await rm(join(folder, "one.js"));
  await rm(join(folder, "one.ts"));
  await scripts.look();

  expect(await codeOf("one")).toBeUndefined();
});

test("only tenants that are named have the scripts", async () => {
  await write("one.js", good);
  keep(["tn_2"]);

  expect(await codeOf("one", "tn_2")).toBe(good);
  expect(await codeOf("one", "tn_1")).toBeUndefined();
});

test("a folder that cannot be read leaves what was read, and is told once", async () => {
  await write("one.js", good);
  keep();
  expect(await codeOf("one")).toBe(good);
  told = [];

  await rm(folder, { recursive: true });
  await scripts.look();
  await scripts.look();

  expect(await codeOf("one")).toBe(good);
  expect(told.map(({ message }) => message)).toEqual([
    "The folder of scripts cannot be read; what was read stays.",
  ]);
});

test("what becomes of files is in the audit, also while nobody looked, and a start tells nothing", async () => {
  await write("one.js", good);
  await write("two.js", good);
  keep();
  await codeOf("one");
  expect(audit()).toMatchObject([
    { action: "script.change", subject: "one.js", by: "server", before: null },
    { subject: "two.js" },
  ]);
  scripts.end();
  const digest = (audit()[0] as { readonly after: object }).after;

  keep();
  await codeOf("one");
  expect(audit().length).toBe(2);
  scripts.end();
  await write("one.js", "broken(");
  await rm(join(folder, "two.js"));
  keep();
  await codeOf("one");

  expect(audit().slice(2)).toMatchObject([
    { subject: "one.js", before: digest, details: { problem: expect.stringContaining("Syntax") } },
    { subject: "two.js", before: digest, after: null },
  ]);
});

describe.skipIf(!hasSandbox)(`a module of Python${whyNoSandbox}`, () => {
  const find = (name: string) => scripts.find({ tenant: "tn_1", name });

  test("is a tool by TOOL and its function run", async () => {
    const parameters = { type: "object", properties: { net: { type: "number" } } };
    const terms = { description: "Adds tax.", parameters, permissions: ["read"] };
    const code = `TOOL = ${JSON.stringify(terms)}\ndef run(given, tools):\n    return 1\n`;
    await write("tax.py", code);
    keep();

    expect(await find("tax")).toEqual({ code, language: "python", entry: null, ...terms });
    expect(told.map(({ fields }) => fields["tool"])).toEqual(["custom.tax"]);
  });

  test("is a tool for each function with types and a docstring", async () => {
    await write(
      "weather.py",
      `
from typing import Literal, Optional, TypedDict

class Place(TypedDict):
    city: str

def forecast(place: Place, days: int = 3, unit: Literal["c", "f"] = "c", tools=None) -> dict:
    """Tells the weather.

    Args:
        place: Where; its city
            is enough.
        days: How many.
    """

def mean(values: list[float], weights: Optional[dict[str, float]] = None):
    """Of several.

    :param values: Degrees.
    """

def helper(x):
    return x

def _hidden(x: int):
    """Not for models."""
`,
    );
    keep();

    expect(await find("weather.forecast")).toMatchObject({
      entry: "forecast",
      description: "Tells the weather.",
      parameters: {
        required: ["place"],
        additionalProperties: false,
        properties: {
          place: {
            ...{ type: "object", required: ["city"], description: "Where; its city is enough." },
            properties: { city: { type: "string" } },
          },
          days: { type: "integer", default: 3, description: "How many." },
          unit: { enum: ["c", "f"], default: "c" },
        },
      },
    });
    const number = { type: "number" };
    expect((await find("weather.mean"))?.parameters["properties"]).toEqual({
      values: { type: "array", items: number, description: "Degrees." },
      weights: { anyOf: [{ type: "object", additionalProperties: number }, { type: "null" }] },
    });
    expect(told[0]?.fields["tool"]).toBe("custom.weather.forecast, custom.weather.mean");
    for (const name of ["weather", "weather.helper", "weather._hidden"]) {
      expect(await find(name)).toBeNull();
    }
  });

  test.each([
    ["a syntax error", "def run(:\n", { line: 1, column: 9 }, /^SyntaxError: /],
    [
      "what it throws at its top",
      "\nimport nothing_of_that_name\n",
      { line: 2 },
      /^ModuleNotFound/,
    ],
    [
      "a parameter without a type",
      'def run(a):\n  "x"\n',
      { line: 1 },
      /parameter a of run has no/,
    ],
    [
      "a type without a schema",
      'def run(a: bytes):\n  "x"\n',
      { line: 1 },
      /bytes.* has no schema/,
    ],
    ["no function", "x = 1\n", {}, /neither a function run nor/],
    ["no description", "def run(a: int): pass\n", {}, /docstring, or `description` in TOOL/],
    ["an unknown term", 'TOOL = {"name": "x"}\ndef run(a: int):\n  "x"\n', {}, /TOOL has no name/],
    ["a top that runs away", "while True: pass\n", {}, /took longer than 10000 ms/],
  ])(
    "that has %s is told with its place",
    { timeout: 30_000 },
    async (_what, code, at, problem) => {
      await write("bad.py", code);
      keep();

      expect(await find("bad")).toBeNull();
      const [error] = told.filter(({ level }) => level === "error");
      expect(error?.fields).toMatchObject({ problem: expect.stringMatching(problem), ...at });
    },
  );
});

test("a module of Python without a sandbox is told once with what to install, and taken when there is one", async () => {
  const problem = "There is no bwrap: install it.";
  let isThere = false;
  await write("one.py", "");
  keep(["*"], async () =>
    isThere
      ? { ok: true, code: "", language: "python", tools: [ONE_TOOL] }
      : { ok: false, problem, isUnready: true },
  );
  expect(await codeOf("one")).toBeUndefined();
  await scripts.look();
  expect(told.map(({ fields }) => fields["problem"])).toEqual([problem]);
  expect(audit()).toEqual([]);

  isThere = true;
  await scripts.look();

  expect(await codeOf("one")).toBe("");
});

const ONE_TOOL = { entry: null, description: "x", parameters: {}, permissions: [] };
