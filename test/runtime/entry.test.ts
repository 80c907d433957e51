// The runtime as its users meet it: the package's entry, its page, and the page's example as it stands.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const page = readFileSync(join(root, "runtime/README.md"), "utf8");
const entry = readFileSync(join(root, "runtime/index.ts"), "utf8");
const LINES_MAX = 20;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "troupe-page-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/troupe"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The first block of the page in a language. */
function example(language: string): string {
  const [, code] = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page) ?? [];
  if (code === undefined) throw new Error(`The page has no ${language} block.`);
  return code;
}

/** Runs the example until it has printed `lines`, kills it, and gives what it printed. */
async function liveUntil(file: string, lines: number): Promise<readonly number[]> {
  const running = spawn(process.execPath, [file], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  let errors = "";
  running.stderr.on("data", (chunk) => {
    errors += String(chunk);
  });
  const closed = new Promise((resolve) => running.once("close", resolve));
  running.stdout.on("data", (chunk) => {
    text += String(chunk);
    if (text.split("\n").length > lines) running.kill("SIGKILL");
  });
  await closed;
  const numbers = text.split("\n").slice(0, -1).map(Number);
  if (numbers.length < lines) throw new Error(`It ended early: ${text}${errors}`);
  return numbers;
}

test("the example of the page has at most 20 lines and counts on after kill -9, as it stands", async () => {
  const code = example("js");
  writeFileSync(join(folder, "counter.js"), code);

  const lives = [];
  for (let life = 0; life < 3; life += 1) lives.push(await liveUntil("counter.js", 5));

  expect(code.trimEnd().split("\n").length).toBeLessThanOrEqual(LINES_MAX);
  expect(lives[0]?.slice(0, 5)).toEqual([1, 2, 3, 4, 5]);
  for (const [at, life] of lives.entries()) {
    const first = life[0] ?? 0;
    const before = lives[at - 1]?.at(-1) ?? 0;
    // What was printed is never lost; one more may have been applied and not printed.
    expect(first === before + 1 || first === before + 2, `${before} then ${first}`).toBe(true);
    expect(life).toEqual(life.map((_, n) => first + n));
  }
});

test("the package names the entry and its types, and both are built", () => {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

  const { types, default: module } = exports["./runtime"];

  expect(readFileSync(join(root, types), "utf8")).toContain("RunningSystem");
  expect(readFileSync(join(root, module), "utf8")).toContain("runProgram");
});

test("everything the entry exports has a doc comment where it is declared", () => {
  const silent: string[] = [];
  for (const [, names = "", from = ""] of entry.matchAll(
    /export (?:type )?{([^}]*)} from "([^"]+)"/g,
  )) {
    const source = readFileSync(join(dirname(join(root, "runtime/index.ts")), from), "utf8");
    for (const name of names
      .split(",")
      .map((one) => one.trim())
      .filter((one) => one !== "")) {
      const kinds = "(?:async )?(?:function|const|class|interface|type)";
      const declared = new RegExp(`\\*/\\nexport ${kinds} ${name}\\b`);
      if (!declared.test(source)) silent.push(`${name} of ${from}`);
    }
  }

  expect(silent).toEqual([]);
});
