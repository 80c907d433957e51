// `troupe pack` as it is typed, over a running server: files beside the pack are sent with it, secrets
// come from the terminal's environment and are shown nowhere, and nothing outside of its folder is read.

import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import { skillText } from "../support/skill-files.ts";

const command = fileURLToPath(new URL("../../../adapters/cli/troupe.js", import.meta.url));
const SECRET = "Bearer of-the-orders";
const TIMEOUT_MS = 30_000;

let product: Product;
let folder: string;

beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
  folder = join(product.folder, "desk");
  await mkdir(join(folder, "skills/refunds/references"), { recursive: true });
  await mkdir(join(folder, "docs"));
  await writeFile(join(product.folder, "outside.md"), "Of nobody's business.");
  await symlink(join(product.folder, "outside.md"), join(folder, "docs/link.md"));
  await writeFile(join(folder, "docs/hours.md"), "We open at noon.");
  await writeFile(join(folder, "skills/refunds/SKILL.md"), skillText("refunds", "Be kind."));
  await writeFile(join(folder, "skills/refunds/references/cases.md"), "Broken: money back.");
  await writeFile(join(folder, "skills/refunds/.DS_Store"), Buffer.from([0, 255]));
  await writeFile(join(folder, "pack.yaml"), source());
}, TIMEOUT_MS);
afterAll(() => product.end());

const source = (more = ""): string => `
pack: bakery
version: "1"
parameters:
  hot: { type: number, default: 0.5 }
  who: { type: string, default: "7" }
collections:
  - { key: pages, name: Pages, documents: [{ file: docs/hours.md, title: Hours }] }
tools:
  - key: orders
    name: orders
    type: http_request
    config: { url: https://api.example.com/orders, headers: { Authorization: { secret: env:ORDERS_TOKEN } } }
skills:
  - { key: refunds, folder: skills/refunds }
agents:
  - key: desk
    name: Desk of \${{ parameters.who }}
    temperature: \${{ parameters.hot }}
    tools: [{ tool: { ref: orders } }]
    skills: [{ id: { ref: refunds } }]
${more}`;

interface Typed {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

function typed(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const own = { TROUPE_URL: product.url, TROUPE_KEY: product.adminKey, ...env };
  const options = { env: { ...process.env, ...own }, cwd: folder };
  return new Promise<Typed>((resolve) => {
    execFile(process.execPath, [command, "pack", ...words], options, (error, out, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, errors });
    });
  });
}

const withSecret = { ORDERS_TOKEN: SECRET };
const idIn = (text: string, pattern: RegExp): string => pattern.exec(text)?.[0] ?? "";

test("a pack is planned, applied with its files and secrets, shown, taken back, written out, removed", {
  timeout: 2 * TIMEOUT_MS,
}, async () => {
  const without = await typed(["apply", "pack.yaml"]);
  expect([without.code, without.errors]).toEqual([
    1,
    expect.stringMatching(/pack\.yaml:13:63: .*has to be sent: ORDERS_TOKEN/),
  ]);

  const plan = await typed(["plan", "pack.yaml"], withSecret);
  expect(plan.out).toMatch(/^\+ skill refunds$/m);
  expect(plan.out).toMatch(/^\+ document pages\/docs\/hours\.md$/m);
  const revision = idIn(plan.out, /[0-9a-f]{32}/);
  const stale = await typed(["apply", "pack.yaml", "--param", "hot=1", "--revision", revision], {
    ...withSecret,
  });
  expect([stale.code, stale.errors]).toEqual([1, expect.stringContaining("plan it again")]);

  const applied = await typed(["apply", "pack.yaml", "--revision", revision], withSecret);
  expect(applied.errors).not.toContain("troupe pack:");
  expect(applied.out).toMatch(/^bakery is at version 1: 5 created/);
  const tool = idIn(applied.out, /tl_\w+/);
  const skill = idIn(applied.out, /sk_\w+/);
  const kept = (await product.call("GET", `/v2/tools/${tool}`)).body;
  expect(kept.config.headers).toEqual({ Authorization: "***" });
  expect((await product.call("GET", `/v2/skills/${skill}`)).body.file_count).toBe(2);

  const changed = source("prompts:\n  - { key: style, name: Style, template: Be brief. }\n");
  await writeFile(
    join(folder, "changed.yaml"),
    changed.replace(/tools:\n[\s\S]*?skills:/, "skills:"),
  );
  const words = ["apply", "changed.yaml", "--param", "who=9", "--param", "hot=1"];
  const two = await typed(words, withSecret);
  expect(two.errors).toContain("No object of this pack has the key orders.");
  const fewer = changed
    .replace(/tools:\n[\s\S]*?skills:/, "skills:")
    .replace(/.*ref: orders.*\n/, "");
  await writeFile(join(folder, "changed.yaml"), fewer);
  const next = await typed(words, withSecret);
  expect(next.out).toMatch(
    /^bakery is at version 2: 1 created, 1 updated, 1 deleted, 3 unchanged/m,
  );
  const agent = idIn(next.out, /ag_\w+/);
  // What is declared as a text stays one.
  const desk = (await product.call("GET", `/v2/agents/${agent}`)).body;
  expect(desk).toMatchObject({ name: "Desk of 9", temperature: 1 });

  const lost = await typed(["rollback", "bakery", "--to", "1"]);
  expect([lost.code, lost.errors]).toEqual([1, expect.stringContaining("ORDERS_TOKEN")]);
  const unset = await typed(["rollback", "bakery", "--secret", "ORDERS_TOKEN"]);
  expect([unset.code, unset.errors]).toEqual([
    1,
    expect.stringContaining("ORDERS_TOKEN is not set"),
  ]);
  const back = await typed(["rollback", "bakery", "--secret", "ORDERS_TOKEN"], withSecret);
  expect(back.out).toMatch(/^bakery is at version 3: 1 created, 1 updated, 1 deleted/);

  const [list, shown, out, byId, none] = await Promise.all([
    typed(["list"]),
    typed(["show", "bakery", "--json"]),
    typed(["export", "bakery", "--out", "out.yaml"]),
    typed(["export", agent, "--name", "copy"]),
    typed(["show", "nobody"]),
  ]);
  expect(list.out).toMatch(/^pk_\w+ {2}bakery 1 {2}version 3, 4 objects/);
  expect(JSON.parse(shown.out)).toMatchObject({ name: "bakery", version: 3 });
  expect(out.errors).toContain("# to be given at apply: ORDERS_AUTHORIZATION");
  const written = await readFile(join(folder, "out.yaml"), "utf8");
  expect(written).toContain("Broken: money back.");
  expect(byId.out).toMatch(/^pack: copy\n/);
  expect([none.code, none.errors]).toEqual([1, expect.stringContaining('no pack "nobody"')]);
  const all = [without, plan, stale, applied, two, next, back, list, shown, out, byId];
  expect(JSON.stringify(all) + written).not.toContain("of-the-orders");

  const gone = await typed(["delete", idIn(list.out, /pk_\w+/)]);
  expect(gone.code).toBe(0);
  expect((await product.call("GET", `/v2/skills/${skill}`)).status).toBe(404);
  expect((await typed(["list"])).out.trim()).toBe("");
});

const documents = (file: string): string =>
  `pack: out\ncollections: [{ key: a, name: A, documents: [{ file: ${file} }] }]`;
const skills = (of: string): string => `pack: out\nskills: [{ key: a, ${of} }]`;

test("what does not lie below the pack's folder is not read, and what is wrong is one line", {
  timeout: TIMEOUT_MS,
}, async () => {
  await mkdir(join(folder, "skills/linked"), { recursive: true });
  await symlink(join(product.folder, "outside.md"), join(folder, "skills/linked/SKILL.md"));
  await symlink(product.folder, join(folder, "skills/above"));
  await mkdir(join(folder, "skills/binary"), { recursive: true });
  await writeFile(join(folder, "skills/binary/SKILL.md"), skillText("binary"));
  await writeFile(join(folder, "skills/binary/seal.bin"), Buffer.from([0, 255, 192]));
  const cases = [
    [documents("../outside.md"), "../outside.md is not below the pack's own folder"],
    [documents("/etc/hosts"), "/etc/hosts is not below the pack's own folder"],
    [documents("docs/link.md"), "docs/link.md leads out of the pack's own folder"],
    [documents("docs/none.md"), "There is no file"],
    [skills("folder: ../desk/skills"), "../desk/skills is not below the pack's own folder"],
    [skills("folder: skills/linked"), "skills/linked/SKILL.md leads out of the pack's own folder"],
    [skills("folder: skills/above"), "skills/above leads out of the pack's own folder"],
    [skills("folder: skills/none"), "There is no folder skills/none"],
    [skills("folder: skills/binary"), "seal.bin is no UTF-8 text"],
    [skills("files: [{ path: SKILL.md, file: ../outside.md }]"), "../outside.md is not below"],
  ] as const;

  const told = await Promise.all(
    cases.map(async ([text], at) => {
      await writeFile(join(folder, `case-${at}.yaml`), text);
      return await typed(["plan", `case-${at}.yaml`]);
    }),
  );
  const verb = await typed(["steal", "pack.yaml"]);

  for (const [at, { code, errors }] of told.entries()) {
    expect([code, errors]).toEqual([1, expect.stringContaining(cases[at]?.[1] ?? "")]);
    expect(errors).not.toContain("nobody's business");
  }
  expect([verb.code, verb.errors]).toEqual([1, expect.stringContaining("use: troupe pack plan|")]);
});
