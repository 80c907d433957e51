// The target that is this machine: what a process is given, how it ends, and that nothing of it is left.

import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { LocalConfig } from "../../../actors/engines/target-config.ts";
import { Line } from "../../../adapters/targets/line.ts";
import { localSpawner } from "../../../adapters/targets/local.ts";
import { type ProcessLedger, processLedger } from "../../../adapters/targets/process-ledger.ts";
import type { Spawner } from "../../../adapters/targets/spawner.ts";

let root: string;
let ledger: ProcessLedger;
const never = new AbortController().signal;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "troupe-local-"));
  await mkdir(join(root, "work", "inner"), { recursive: true });
  await symlink("/etc", join(root, "work", "out"));
  await symlink(join(root, "nowhere"), join(root, "work", "dangling"));
  ledger = processLedger(join(root, "data"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

function spawner(config: Partial<LocalConfig> = {}, waiting = 10): Spawner {
  const environment = (names: readonly string[]) =>
    Object.fromEntries(
      Object.entries({ PATH: "/usr/bin:/bin", KEPT: "kept", SECRET: "secret" }).filter(([name]) =>
        names.includes(name),
      ),
    );
  const own = { folder: join(root, "work"), ...config };
  return localSpawner({ name: "Here", config: own, line: new Line(waiting), ledger, environment });
}

const run = async (target: Spawner, argv: readonly string[], more = {}) => {
  const child = await target.start({ argv, ...more }, never);
  child.stdin.end();
  const [out, exit] = await Promise.all([text(child.stdout), child.exit]);
  return { out, ...exit };
};

const isAlive = async (pid: string): Promise<boolean> =>
  await readFile(`/proc/${pid}/stat`, "utf8").then(
    (stat) => !/\) Z /.test(stat),
    () => false,
  );

test("a process has the variables that are named, those of its target and its own, and no others", async () => {
  const target = spawner({ env: ["KEPT"], variables: { GIVEN: "given" } });

  const { out, code } = await run(target, ["env"], { env: { OWN: "own" } });

  const lines = out.split("\n").filter((line) => !line.startsWith("TROUPE_PROCESS="));
  expect(lines.toSorted().filter(Boolean)).toEqual([
    ...["GIVEN=given", "KEPT=kept", "OWN=own", "PATH=/usr/bin:/bin"],
  ]);
  expect(code).toBe(0);
});

test("arguments arrive as they are", async () => {
  const argv = ["; id", "$(id)", "`id`", "a\nb", "--", "-x", "ü\u202e", "", "*", "'\"\\"];

  const { out } = await run(spawner(), ["printf", "%s\\0", ...argv]);

  expect(out.split("\0").slice(0, -1)).toEqual(argv);
});

test("it works below its folder alone, wherever links lead", async () => {
  const target = spawner();

  const inner = await run(target, ["pwd"], { cwd: "inner" });

  expect(inner.out.trim()).toMatch(/work\/inner$/);
  for (const cwd of ["..", "inner/../..", "/etc", "out", "out/ssh", "dangling", "~root"]) {
    await expect(target.start({ argv: ["pwd"], cwd }, never)).rejects.toMatchObject({
      code: "INVALID",
    });
  }
});

test("a folder that is not there is a target that is lost, and nothing was begun", async () => {
  const lost = spawner({ folder: join(root, "unmounted") }).start({ argv: ["pwd"] }, never);

  await expect(lost).rejects.toMatchObject({ code: "TARGET_LOST", details: { began: false } });
});

test("what it has started ends with it, also what has left its group", async () => {
  const script = "setsid sleep 1000 & echo $!; sleep 1000 & echo $!; exec sleep 1000";
  const child = await spawner().start({ argv: ["/bin/sh", "-c", script] }, never);
  let out = "";
  child.stdout.on("data", (piece: Buffer) => {
    out += piece.toString();
  });
  await vi.waitFor(() => expect(out.trim().split("\n")).toHaveLength(2));

  child.kill();
  const exit = await child.exit;

  expect(exit).toEqual({ code: null, signal: "SIGKILL" });
  for (const pid of out.trim().split("\n")) expect(await isAlive(pid)).toBe(false);
});

test("one whose time is over, or whose caller goes, is ended", async () => {
  const caller = new AbortController();
  const late = await spawner({ timeout_ms: 100 }).start({ argv: ["sleep", "1000"] }, never);
  const left = await spawner().start({ argv: ["sleep", "1000"] }, caller.signal);
  caller.abort();

  expect((await late.exit).signal).toBe("SIGKILL");
  expect((await left.exit).signal).toBe("SIGKILL");
});

test("so many run at once, so many wait, and the last to come is refused", async () => {
  const target = spawner({ processes: 1 }, 1);
  const first = await target.start({ argv: ["cat"] }, never);
  const caller = new AbortController();
  const given = target.start({ argv: ["true"] }, caller.signal).catch((error) => error);
  const refused = await target.start({ argv: ["true"] }, never).catch((error) => error);
  caller.abort();

  expect(refused).toMatchObject({ code: "POOL_FULL" });
  expect(await given).toMatchObject({ code: "CANCELLED" });
  const second = target.start({ argv: ["true"] }, never);
  first.stdin.end();
  expect((await (await second).exit).code).toBe(0);
});

test("what could not be started gives its place to the next", async () => {
  const target = spawner({ processes: 1 }, 1);

  const starts = [
    { argv: ["true"], cwd: "/etc" },
    { argv: ["/no/such/program"] },
    { argv: ["true"] },
  ];
  const codes: unknown[] = [];
  for (const command of starts) {
    const child = await target.start(command, never).catch((error) => error);
    codes.push(child.exit === undefined ? child.code : (await child.exit).code);
  }

  expect(codes).toEqual(["INVALID", expect.anything(), 0]);
});

test("what a server has left behind that was killed is ended at the next start", async () => {
  const data = join(root, "killed");
  const script = `
    import { Line } from ${JSON.stringify(new URL("../../../adapters/targets/line.js", import.meta.url).href)};
    import { localSpawner } from ${JSON.stringify(new URL("../../../adapters/targets/local.js", import.meta.url).href)};
    import { processLedger } from ${JSON.stringify(new URL("../../../adapters/targets/process-ledger.js", import.meta.url).href)};
    const target = localSpawner({ name: "t", line: new Line(1), ledger: processLedger(${JSON.stringify(data)}),
      config: { folder: ${JSON.stringify(root)} }, environment: () => ({ PATH: "/usr/bin:/bin" }) });
    const argv = ["/bin/sh", "-c", "setsid sleep 1000 & echo $!; exec sleep 1000"];
    const child = await target.start({ argv }, new AbortController().signal);
    child.stdout.once("data", (line) => console.log(String(line).trim()));
  `;
  const server = await spawner().start(
    { argv: [process.execPath, "--input-type=module", "-e", script] },
    never,
  );
  let pid = "";
  server.stdout.on("data", (piece: Buffer) => {
    pid += piece.toString();
  });
  await vi.waitFor(() => expect(pid.trim()).toMatch(/^\d+$/));

  server.kill();
  await server.exit;
  expect(await isAlive(pid.trim())).toBe(true);

  const again = processLedger(data);
  const ended = await again.sweep();

  expect(ended).toBeGreaterThan(0);
  expect(await isAlive(pid.trim())).toBe(false);
  expect(await again.sweep()).toBe(0);
});
