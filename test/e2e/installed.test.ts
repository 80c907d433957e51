// The package as others install it: what `npm pack` puts into it is enough for the program of the gateway's
// page, its types and its commands, in a folder that has nothing else.

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SECRET } from "../support/channels/webhook-account.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-installed-"));
  const installed = join(folder, "node_modules", "troupe");
  await mkdir(installed, { recursive: true });
  const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder];
  const { stdout } = await run("npm", pack, { cwd: root });
  await run("tar", ["-xzf", join(folder, stdout.trim()), "--strip-components=1"], {
    cwd: installed,
  });
  // What npm would fetch.
  await symlink(join(root, "node_modules"), join(installed, "node_modules"));
  await mkdir(join(folder, "node_modules", "@types"));
  await symlink(
    join(root, "node_modules/@types/node"),
    join(folder, "node_modules", "@types", "node"),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("the page's program compiles and runs in a folder of its own", async () => {
  const page = await readFile(
    join(folder, "node_modules/troupe/adapters/gateway/README.md"),
    "utf8",
  );
  const [, program = ""] = /```ts\n(import [\s\S]*?)```/.exec(page) ?? [];
  const filled = program
    .replace('secret: "whsec_..."', `secret: "${SECRET}"`)
    .replace("port: 8080", "port: 0");
  expect(filled).not.toBe(program);
  await writeFile(join(folder, "package.json"), '{"type": "module"}');
  await writeFile(join(folder, "program.ts"), `${filled}await gateway.stop();\n`);
  const options = ["--module", "NodeNext", "--target", "ES2023", "--strict", "--types", "node"];
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  await run(process.execPath, [compiler, ...options, "program.ts"], { cwd: folder });

  const { stdout } = await run(process.execPath, ["program.js"], { cwd: folder });

  expect(stdout).toMatch(/^http:\/\/0\.0\.0\.0:\d+ \[/);
  expect(stdout).toContain("path: '/gateway/webhook'");
});

test("its command runs without building anything", async () => {
  const command = join(folder, "node_modules/troupe/adapters/cli/troupe.js");
  const { stdout, stderr } = await run(process.execPath, [command, "version"], { cwd: folder });
  expect([stdout.trim(), stderr]).toEqual(["0.1.0", ""]);
});
