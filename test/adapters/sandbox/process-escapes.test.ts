// Sandboxed processes against what is known to break sandboxes: nothing reaches the host, and who takes too much loses
// its own call.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ScriptRequest } from "../../../actors/tools/script-run.ts";
import { runPython } from "../../../adapters/sandbox/run-python.ts";
import {
  escapeTools,
  granting,
  type ProcessEscape,
  reachingFiles,
  reachingNetwork,
  reachingProcesses,
  taking,
} from "../../support/process-escapes.ts";
import { processesOf } from "../../support/processes.ts";
import { hasSandbox, whyNoSandbox } from "../../support/sandbox.ts";
import { scriptRequest } from "../../support/scripts.ts";

const MESSAGE_CHARS_MAX = 2_200;
/** Of the suites of both sandboxes; that of QuickJS counts its own. */
const ATTEMPTS_MIN = 60;

let data: string;
let server: Server;
let given: Readonly<Record<string, unknown>>;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "troupe-data-"));
  await writeFile(join(data, "admin-key"), "secret");
  server = createServer((socket) => socket.end("reached"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  const [home, socket] = [homedir(), `troupe-test-${process.pid}`];
  given = { data, home, port, socket, pid: process.pid, hidden: "/usr/share/doc" };
});
afterAll(async () => {
  server.close();
  await rm(data, { recursive: true, force: true });
});

const request = (body: string, more: Partial<ScriptRequest> = {}): ScriptRequest => {
  const lines = body.split("\n").map((line) => `    ${line}`);
  const terms = 'TOOL = {"description": "Tries.", "parameters": {"type": "object"}}';
  const code = [escapeTools, terms, "def run(given, tools):", ...lines, ""].join("\n");
  return scriptRequest(code, {
    ...{ language: "python", file: "tries.py", args: given, memoryMb: 256, timeoutMs: 10_000 },
    ...more,
  });
};

async function tryOut({ body, gives, fails, timeoutMs, memoryMb }: ProcessEscape): Promise<void> {
  const more = { ...(timeoutMs && { timeoutMs }), ...(memoryMb && { memoryMb }) };
  const outcome = await runPython(request(body, more), ["/usr/share/doc"]);

  const said = JSON.stringify(outcome);
  if (fails === undefined) expect(outcome, said).toMatchObject({ type: "done" });
  if (fails === undefined) expect((outcome as { value: unknown }).value).toEqual(gives);
  else if (typeof fails === "string") {
    expect(outcome, said).toMatchObject({ type: "failed", code: fails });
  } else {
    expect(outcome, said).toMatchObject({ type: "failed", message: expect.stringMatching(fails) });
  }
  expect(said).not.toContain("__proto__");
  if (outcome.type === "failed") {
    expect(outcome.message.length).toBeLessThan(MESSAGE_CHARS_MAX);
    expect(outcome.message).not.toMatch(/Traceback|runner\.py|node_modules/);
  }
  const chars = outcome.logs.reduce((sum, line) => sum + line.length, 0);
  expect(chars).toBeLessThanOrEqual(10_000);
}

describe.skipIf(!hasSandbox)(`a sandboxed process${whyNoSandbox}`, () => {
  test.each(reachingFiles)("reaches no file: $name", tryOut);
  test.each(reachingProcesses)("reaches no process, user or namespace: $name", tryOut);
  test.each(reachingNetwork)("reaches no network: $name", tryOut);
  test.each(granting)("hands over data alone: $name", tryOut);
  test.each(taking)("takes no more than its own: $name", { timeout: 20_000 }, tryOut);

  test("is gone with all that it has started", async () => {
    const command = ["sleep", String(2_000_000 + process.pid)];
    const starts = `subprocess.Popen(${JSON.stringify(command)}, start_new_session=True)`;
    const body = `import subprocess\n${starts}\ntime.sleep(0.1)\nreturn 1`;

    expect(await runPython(request(body), [])).toMatchObject({ type: "done", value: 1 });

    expect(await processesOf(command)).toEqual([]);
  });
});

test("there are sixty attempts at least", async () => {
  const all = [...reachingFiles, ...reachingProcesses, ...reachingNetwork, ...granting, ...taking];

  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  expect(all.length).toBeGreaterThanOrEqual(ATTEMPTS_MIN);
});
