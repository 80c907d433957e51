// The types of the package's entry as they are for whoever installs it: declarations alone, beside no
// other package, checked with the strictest flags.

import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const compiler = join(root, "node_modules/typescript/bin/tsc");
const STRICTEST =
  "--noEmit --strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --noImplicitOverride" +
  " --noPropertyAccessFromIndexSignature --verbatimModuleSyntax --isolatedModules" +
  " --module nodenext --moduleResolution nodenext --target es2023 --skipLibCheck false";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "troupe-types-"));
  const installed = join(folder, "node_modules/troupe");
  mkdirSync(join(folder, "node_modules/@types"), { recursive: true });
  cpSync(join(root, "package.json"), join(installed, "package.json"));
  cpSync(join(root, "dist/runtime"), join(installed, "dist/runtime"), {
    recursive: true,
    filter: (path) => !/\.(js|map)$/.test(path),
  });
  for (const name of ["@types/node", "undici-types"]) {
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the compiler says of programs with these flags beside the strictest. */
function complaintsOf(
  programs: Readonly<Record<string, string>>,
  flags: readonly string[],
): string {
  for (const [name, code] of Object.entries(programs)) writeFileSync(join(folder, name), code);
  const options = [...STRICTEST.split(" "), ...flags, ...Object.keys(programs)];
  const done = spawnSync(process.execPath, [compiler, ...options], {
    cwd: folder,
    encoding: "utf8",
  });
  return done.stdout + done.stderr;
}

const PROGRAM = `import {
  address, type ComputeTask, defineActor, defineRun, type DeadLetter, type Frame, type LetterPage,
  type Level, type Quarantined, type RunningSystem, RuntimeError, startSystem, type System,
  type SystemFigures, type WorkerHost,
} from "troupe/runtime";

const counter = defineActor<number, { readonly add: number }>({
  kind: "counter",
  version: 1,
  initial: () => 0,
  receive: (count, message, turn) => {
    turn.reply(turn.nowMs);
    // @ts-expect-error A message of this actor has no such field.
    message.take;
    return count + message.add;
  },
});
const twice = defineRun<number, number, { readonly by: number }>({
  kind: "twice",
  run: async (input, context) => context.ports.by * input,
});
const tasks: Readonly<Record<string, ComputeTask>> = { one: { url: "file:///one.js", name: "one" } };
const host: WorkerHost<{ readonly by: number }> = {
  definitions: [counter, twice],
  createPorts: ({ config }) => config,
};
const level: Level = "flushed";

export async function main(workerUrl: URL): Promise<RunningSystem> {
  const log = { write: () => {} };
  const loadHost = (): WorkerHost => host as WorkerHost;
  const system = await startSystem({ folder: "data", workerUrl, loadHost, tasks, log });
  const to = address({ kind: "counter", tenant: "me", root: "first" });
  await system.ask(to, { add: 1 }, { level, timeoutMs: 1_000 });
  const figures: SystemFigures = await system.inspect();
  const depth: number | undefined = figures.workers[0]?.figures?.waiting;
  const page: LetterPage = { limit: 200, kind: "counter" };
  const letters: readonly DeadLetter[] = await system.deadLetters("me", page);
  const stopped: readonly Quarantined[] = await system.quarantined(null, { limit: 1 });
  await system.compute.run("one", [depth, letters.length, stopped.length], { tenant: "me", timeoutMs: 9 });
  return system;
}
export async function texts(system: System): Promise<readonly Frame["type"][]> {
  const types: Frame["type"][] = [];
  for await (const frames of system.follow("me", "run")) types.push(...frames.map(({ type }) => type));
  return types;
}
export const isFull = (error: unknown): boolean =>
  error instanceof RuntimeError && error.code === "STORE_FULL";
`;

test("a program is checked with the strictest flags beside no other package, not even Node's types", () => {
  expect(complaintsOf({ "program.ts": PROGRAM }, ["--types", ""])).toBe("");
});

test("it and the page's example are checked with Node's types and without the browser's library", () => {
  const page = readFileSync(join(root, "runtime/README.md"), "utf8");
  const [, code = ""] = /```js\n([\s\S]*?)```/.exec(page) ?? [];
  const [, types = ""] = /`defineActor(<[^`]+>)`/.exec(page) ?? [];
  const typed = code.replace("defineActor({", `defineActor${types}({`);
  expect(typed).not.toBe(code);

  const flags = ["--lib", "es2023,esnext.disposable", "--types", "node"];

  expect(complaintsOf({ "program.ts": PROGRAM, "example.ts": typed }, flags)).toBe("");
});

/** What one file of declarations declares, by name, and what it imports from where. */
interface Declared {
  readonly blocks: ReadonlyMap<string, string>;
  readonly imports: ReadonlyMap<string, string>;
}

/** Names of `import` or `export` lists with the files they are of. */
function listed(file: string, text: string, word: "import" | "export"): Map<string, string> {
  const lists = text.matchAll(
    new RegExp(`${word} (?:type )?{([^}]*)} from "(\\.[^"]+)\\.ts"`, "g"),
  );
  const names = new Map<string, string>();
  for (const [, list = "", from = ""] of lists) {
    for (const name of list.matchAll(/(?:type )?(\w+)/g)) {
      names.set(name[1] ?? "", join(dirname(file), `${from}.d.ts`));
    }
  }
  return names;
}

function textOf(file: string): string {
  return readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
}

function declaredIn(file: string): Declared {
  const text = textOf(file);
  const heads = /^(?:export )?(?:declare )?(?:interface|type|class|function|const) (?=\w)/gm;
  const blocks = new Map<string, string>();
  for (const block of text.split(heads).slice(1)) {
    blocks.set(/^\w+/.exec(block)?.[0] ?? "", block.replace(/"[^"]*"/g, ""));
  }
  return { blocks, imports: listed(file, text, "import") };
}

test("every type that the entry's signatures name is exported by the entry", () => {
  const index = join(root, "dist/runtime/index.d.ts");
  const exported = listed(index, textOf(index), "export");
  const files = new Map<string, Declared>();
  const hidden = new Set<string>();
  const seen = new Set<string>();
  const look = (name: string, file: string): void => {
    if (seen.has(`${name} of ${file}`)) return;
    seen.add(`${name} of ${file}`);
    if (exported.get(name) !== file) hidden.add(name);
    const { blocks, imports } = files.get(file) ?? declaredIn(file);
    files.set(file, { blocks, imports });
    for (const [word] of (blocks.get(name) ?? "").matchAll(/\b[A-Za-z_]\w*/g)) {
      if (word === name) continue;
      const from = imports.get(word) ?? (blocks.has(word) ? file : undefined);
      if (from !== undefined) look(word, from);
    }
  };

  for (const [name, file] of exported) look(name, file);

  expect(seen.size).toBeGreaterThan(80);
  expect([...hidden]).toEqual([]);
});
