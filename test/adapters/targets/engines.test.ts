// Declared commands and the shell on this machine: what a model sends ends up in its place of a command line and
// nowhere else, and what a command does stays within its limits.

import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { DeclaredCommand } from "../../../actors/engines/direct-ops.ts";
import type { CommandEnd, Engines } from "../../../actors/engines/port.ts";
import { createEngineCalls } from "../../../adapters/targets/engines.ts";
import { createMachines, type Machines } from "../../../adapters/targets/machines.ts";
import { processLedger } from "../../../adapters/targets/process-ledger.ts";

type Fields = Readonly<Record<string, unknown>>;

let root: string;
let machines: Machines;
let calls: Omit<Engines, "awaited">;
const rows = new Map<string, unknown>();
const home = "tn_default";

const print = (...argv: DeclaredCommand["argv"]): DeclaredCommand["argv"] => [
  ...["printf", "%s\\0"],
  ...argv,
];
const word = { type: "string" } as const;
const commands: readonly DeclaredCommand[] = [
  {
    ...{ name: "say", description: "Says.", argv: print({ arg: "a" }, { arg: "b" }) },
    ...{ arguments: { a: word, b: word }, required: ["a"] },
  },
  {
    ...{ name: "only", description: "Says a word.", argv: print({ arg: "a" }), required: ["a"] },
    arguments: { a: { type: "string", pattern: "^[a-z]+$", max_length: 5 } },
  },
  {
    ...{ name: "typed", description: "Says it all." },
    argv: print(
      { arg: "n", flag: "--count" },
      { arg: "x", prefix: "--x=" },
      { arg: "v", flag: "-v" },
      { arg: "c" },
    ),
    arguments: {
      n: { type: "integer", minimum: 0, maximum: 9 },
      x: word,
      v: { type: "boolean" },
      c: { type: "string", enum: ["red", "green"] },
    },
  },
  {
    ...{ name: "read", description: "Reads.", argv: ["cat", { arg: "file" }], required: ["file"] },
    arguments: { file: { type: "path", under: "open" } },
  },
  {
    ...{ name: "dashed", description: "Says.", argv: print({ arg: "a" }) },
    arguments: { a: { ...word, dash: true } },
  },
  {
    ...{ name: "input", description: "Repeats.", argv: ["cat"], stdin: { arg: "text" } },
    arguments: { text: word },
  },
  { name: "env", description: "Variables.", argv: ["env"], variables: { OWN: "own" } },
  { name: "flood", description: "Writes.", argv: ["yes"], output_bytes: 10_000 },
  {
    ...{ name: "hang", description: "Hangs.", timeout_ms: 300 },
    argv: ["sh", "-c", "setsid sleep 1000 & echo $!; wait"],
  },
  {
    ...{ name: "code", description: "Ends.", argv: ["sh", "-c", "echo out; echo bad >&2; exit 3"] },
  },
  { name: "three", description: "Ends well.", argv: ["sh", "-c", "exit 3"], exit_codes: [0, 3] },
  { name: "json", description: "JSON.", argv: ["echo", '{"a":1}'], output: "json" },
  { name: "no_json", description: "None.", argv: ["echo", "{"], output: "json" },
];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "troupe-ops-"));
  const folder = join(root, "work");
  await mkdir(join(folder, "open"), { recursive: true });
  await writeFile(join(folder, "open", "-n.txt"), "inside");
  await writeFile(join(folder, "closed.txt"), "closed");
  await writeFile(join(root, "outside.txt"), "outside");
  await symlink(root, join(folder, "open", "up"));
  await symlink(join(folder, "closed.txt"), join(folder, "open", "link"));
  const put = (table: string, record: { readonly id: string } & Fields, tenant = home): void => {
    rows.set(`${tenant}/${table}/${record.id}`, { record: { version: 1, ...record }, version: 1 });
  };
  const here = { id: "tg_here", name: "Here", type: "local", config: { folder } };
  put("targets", { ...here, config: { folder, env: ["KEPT"] } });
  put("targets", { ...here, id: "tg_shell", shell: true, granted_to: ["tn_friend"] });
  put("targets", { ...here, id: "tg_gone", config: { folder: join(root, "gone") } });
  put("targets", { ...here, id: "tg_off", is_active: false, shell: true });
  const engine = { id: "en_ops", name: "Ops", type: "direct_ops", target: "tg_here" };
  const secrets = { TOKEN: "s-1" };
  put("engines", { ...engine, config: { commands }, secrets, granted_to: ["tn_friend"] });
  put("engines", { ...engine, id: "en_open", config: { commands }, granted_to: ["tn_friend"] });
  const data = join(root, "data");
  const own: Fields = {
    PATH: "/usr/bin:/bin",
    KEPT: "kept",
    TROUPE_ADMIN_KEY: "k-1",
    HOME: "/root",
  };
  const environment = (names: readonly string[]) =>
    Object.fromEntries(names.flatMap((name) => (name in own ? [[name, String(own[name])]] : [])));
  machines = createMachines({ data, ledger: processLedger(data), environment });
  const get = async (tenant: string, table: string, id: string) => {
    const value = rows.get(`${tenant}/${table}/${id}`);
    return value === undefined ? undefined : { id, value, revision: "1" };
  };
  calls = createEngineCalls({ tables: { get }, machines });
});
afterAll(async () => {
  await machines.end();
  await rm(root, { recursive: true, force: true });
});

const operate = (command: string, given: Fields = {}, more: Fields = {}): Promise<CommandEnd> =>
  calls.operate({
    ...{ tenant: home, engine: "en_ops", target: null, command, arguments: given },
    ...more,
  });
const shell = (text: string, more: Fields = {}): Promise<CommandEnd> =>
  calls.shell({ tenant: home, target: "tg_shell", text, timeoutMs: 5_000, ...more });
const said = ({ output }: CommandEnd): readonly string[] => String(output).split("\0").slice(0, -1);

describe("what would be more than an argument to a shell is one argument", () => {
  const texts = [
    ...["; id", "&& id", "| id", "$(id)", "`id`", "$IFS", "a b", "a\tb", "line\nbreak", "\r\n"],
    ...["'", '"', "\\", "*", "~", "!!", "> /tmp/x", "#", "\u202egnp", "é\u0301", "😀", "%s", ""],
  ];
  test.each(texts)("%j", async (text) => {
    expect(said(await operate("say", { a: text, b: "b" }))).toEqual([text, "b"]);
  });

  test("any text", async () => {
    const plain = fc
      .string({ unit: "binary", maxLength: 50 })
      .map((one) => Buffer.from(one.replaceAll("\0", "")).toString())
      .filter((one) => !one.startsWith("-"));
    await fc.assert(
      fc.asyncProperty(plain, plain, async (a, b) => {
        expect(said(await operate("say", { a, b }))).toEqual([a, b]);
      }),
      { numRuns: 15 },
    );
  });
});

describe("what does not fit is refused, and nothing is run", () => {
  const refused: readonly (readonly [string, string, Fields, string])[] = [
    ["a leading dash", "say", { a: "-rf" }, "/a"],
    ["two dashes", "say", { a: "--" }, "/a"],
    ["a NUL", "say", { a: "a\0b" }, "/a"],
    ["a NUL behind a prefix", "typed", { x: "a\0b" }, "/x"],
    ["what its pattern does not take", "only", { a: "ab1" }, "/a"],
    ["what its pattern takes in a part", "only", { a: "ab\n" }, "/a"],
    ["what is too long", "only", { a: "abcdef" }, "/a"],
    ["none of its choices", "typed", { c: "blue" }, "/c"],
    ["a text for a number", "typed", { n: "1; id" }, "/n"],
    ["a number that is too large", "typed", { n: 10 }, "/n"],
    ["a list", "say", { a: ["-rf", "/"] }, "/a"],
    ["an argument that is not declared", "say", { a: "a", z: "z" }, "/z"],
    ["none where one is required", "say", { b: "b" }, "/a"],
    ["a path that goes up", "read", { file: "../closed.txt" }, "/file"],
    ["one that goes up later", "read", { file: "a/../../closed.txt" }, "/file"],
    ["a whole path", "read", { file: "/etc/passwd" }, "/file"],
    ["a home folder", "read", { file: "~root/x" }, "/file"],
    ["a path with a NUL", "read", { file: "a\0" }, "/file"],
  ];
  test.each(refused)("%s", async (_, command, given, pointer) => {
    const error: unknown = await operate(command, given).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ code: "INVALID" });
    const told = error as { readonly details: { readonly pointer: string } };
    expect(["", pointer]).toContain(told.details.pointer);
  });

  test.each(["up/outside.txt", "link", "up"])("a link that leads out: %s", async (file) => {
    await expect(operate("read", { file })).rejects.toMatchObject({ code: "INVALID" });
  });
});

test("arguments that are not given leave no element, and flags stand before theirs", async () => {
  const all = await operate("typed", { n: 3, x: "-1", v: true, c: "red" });
  const some = await operate("typed", { v: false, x: "" });

  expect(said(all)).toEqual(["--count", "3", "--x=-1", "-v", "red"]);
  expect(said(some)).toEqual(["--x="]);
});

test("a path whose name begins with a dash is no option, and a dash is taken where it is declared", async () => {
  const read = await operate("read", { file: "-n.txt" });
  const dashed = await operate("dashed", { a: "-x" });

  expect(read.output).toBe("inside");
  expect(said(dashed)).toEqual(["-x"]);
});

test("standard input is the text that is given", async () => {
  const text = "$(id)\n'\\0";

  expect((await operate("input", { text })).output).toBe(text);
});

test("a command has the variables that are named, its own and the engine's secrets, and nothing of the server's", async () => {
  const { output } = await operate("env");

  const names = String(output).match(/^[A-Z_]+(?==)/gm) ?? [];
  expect(names.toSorted()).toEqual(["KEPT", "OWN", "PATH", "TOKEN", "TROUPE_PROCESS"]);
});

test("one that floods its output is ended, and what it wrote is cut", async () => {
  const end = await operate("flood");

  expect(end).toMatchObject({ ok: false, fault: "output", signal: "SIGKILL" });
  expect(String(end.output)).toHaveLength(10_000);
});

test("one that hangs is ended when its time is over, with what left its group", async () => {
  const end = await operate("hang");

  expect(end).toMatchObject({ ok: false, fault: "timeout" });
  const pid = String(end.output).trim();
  expect(pid).toMatch(/^\d+$/);
  await vi.waitFor(async () => {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z ");
    expect(stat).toContain(") Z ");
  });
});

test("exit codes say whether it went well, and JSON is read where it is declared", async () => {
  const [code, three, json, none] = await Promise.all(
    ["code", "three", "json", "no_json"].map((name) => operate(name)),
  );

  expect(code).toMatchObject({ ok: false, exitCode: 3, output: "out\n", errors: "bad\n" });
  expect(three).toMatchObject({ ok: true, exitCode: 3 });
  expect(json).toMatchObject({ ok: true, output: { a: 1 } });
  expect(none).toMatchObject({ ok: false, fault: "json", output: "{\n" });
});

test("whom an engine is granted to works where it does, and nowhere else of the operator's", async () => {
  const friend = { tenant: "tn_friend" };

  expect(said(await operate("say", { a: "a" }, friend))).toEqual(["a"]);
  const open = { ...friend, engine: "en_open" };
  expect(said(await operate("say", { a: "a" }, { ...open, target: "tg_shell" }))).toEqual(["a"]);
  const elsewhere = operate("say", { a: "a" }, { ...open, target: "tg_gone" });
  await expect(elsewhere).rejects.toMatchObject({ code: "NOT_FOUND" });
  const stranger = { tenant: "tn_stranger" };
  await expect(operate("say", { a: "a" }, stranger)).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("an engine's secrets go to no machine that somebody else names", async () => {
  const elsewhere = { tenant: "tn_friend", target: "tg_shell" };

  const refused = operate("say", { a: "a" }, elsewhere);

  await expect(refused).rejects.toMatchObject({ code: "FORBIDDEN" });
  expect(said(await operate("say", { a: "a" }, { target: "tg_shell" }))).toEqual(["a"]);
});

test("what is taken back or switched off is refused from the next call on", async () => {
  const call = () => operate("say", { a: "a" }, { tenant: "tn_friend", engine: "en_open" });
  const key = `${home}/engines/en_open`;
  const row = rows.get(key) as { readonly record: Fields };
  const change = (more: Fields) => rows.set(key, { ...row, record: { ...row.record, ...more } });

  expect((await call()).ok).toBe(true);
  change({ granted_to: ["tn_other"] });
  await expect(call()).rejects.toMatchObject({ code: "NOT_FOUND" });
  change({ is_active: false });
  await expect(call()).rejects.toMatchObject({ code: "FORBIDDEN" });
  rows.set(key, row);
});

test("a shell runs where its operator says so, for whom it is granted", async () => {
  expect(await shell("echo $((1 + 2)); exit 0")).toMatchObject({ ok: true, output: "3\n" });
  expect((await shell("pwd", { tenant: "tn_friend" })).output).toMatch(/work\n$/);
  expect(await shell("sleep 100", { timeoutMs: 200 })).toMatchObject({ fault: "timeout" });
  await expect(shell("id", { target: "tg_here" })).rejects.toMatchObject({ code: "FORBIDDEN" });
  await expect(shell("id", { target: "tg_off" })).rejects.toMatchObject({ code: "FORBIDDEN" });
  const stranger = shell("id", { tenant: "tn_stranger" });
  await expect(stranger).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("a target that is lost is named, and that nothing was begun", async () => {
  const lost = operate("say", { a: "a" }, { target: "tg_gone" });

  const details = { target: "tg_gone", began: false };
  await expect(lost).rejects.toMatchObject({ code: "TARGET_LOST", details });
});
