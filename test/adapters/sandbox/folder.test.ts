// The operator's folder of scripts: what is a script, what is told of one that is none, and what stays meanwhile.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keepScripts, type ScriptFolder } from "../../../adapters/sandbox/folder.ts";
import { readScript, type SentScript } from "../../../adapters/sandbox/read-script.ts";
import type { LogFields } from "../../../runtime/log.ts";

let folder: string;
let scripts: ScriptFolder;
let told: { readonly level: string; readonly message: string; readonly fields: LogFields }[];

const head =
  'export const description = "Counts.";\nexport const parameters = { type: "object" };\n';
const good = `${head}export default () => 1;\n`;
const write = (file: string, text: string): Promise<void> => writeFile(join(folder, file), text);
const codeOf = async (name: string, tenant = "tn_1"): Promise<string | undefined> =>
  (await scripts.find({ tenant, name }))?.code;

function keep(tenants: readonly string[] = ["*"]): void {
  scripts = keepScripts({
    folder,
    tenants,
    compute: { run: (_task, input) => readScript(input as SentScript) },
    log: { write: (level, message, fields = {}) => void told.push({ level, message, fields }) },
  });
}

beforeEach(async () => {
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
    ...{ code: good, description: "Counts.", parameters: { type: "object" }, permissions: [] },
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
