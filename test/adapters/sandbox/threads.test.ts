// Scripts on threads of the compute pool: what the sandbox's own clock does not end is ended with its thread, and
// only that call fails.

import { afterAll, beforeAll, expect, test } from "vitest";
import { runScriptTask, type ScriptOutcome } from "../../../actors/tools/script-run.ts";
import { createComputePool } from "../../../runtime/threads/compute.ts";
import type { ComputePool } from "../../../runtime/threads/compute-port.ts";
import { processesOf } from "../../support/processes.ts";
import { hasSandbox, whyNoSandbox } from "../../support/sandbox.ts";
import { scriptRequest } from "../../support/scripts.ts";

const url = new URL("../../../adapters/sandbox/tasks.js", import.meta.url).href;
/** Nothing of the engine asks the time while it writes this number down, which takes seconds. */
const DEAF = "export default () => (2n ** 1_000_000n).toString().length;";

let pool: ComputePool;

beforeAll(() => {
  const tasks = { [runScriptTask]: { url, name: "runScriptTask" } };
  pool = createComputePool({ tasks, threads: 2, queueMax: 100, heapMib: 512 });
});
afterAll(() => pool.close());

const run = (code: string, runMs: number): Promise<unknown> =>
  pool.run(runScriptTask, scriptRequest(code), { tenant: "tn_1", timeoutMs: 60_000, runMs });

test("a script that does not listen is ended with its thread, and those beside it go on", async () => {
  const deaf = run(DEAF, 1_000);
  const beside: Promise<unknown>[] = [];
  for (let at = 0; at < 20; at += 1) beside.push(run(`export default () => ${at};`, 30_000));

  await expect(deaf).rejects.toMatchObject({ code: "DEADLINE", details: { phase: "running" } });
  const values = (await Promise.all(beside)).map((one) => (one as { value?: unknown }).value);
  expect(values).toEqual(Array.from({ length: 20 }, (_, at) => at));
  expect((await run("export default () => 'again';", 30_000)) as ScriptOutcome).toMatchObject({
    value: "again",
  });
});

test.skipIf(!hasSandbox)(
  `a sandboxed process goes with the thread that has started it${whyNoSandbox}`,
  { timeout: 30_000 },
  async () => {
    const command = ["sleep", String(1_000_000 + process.pid)];
    const code = `def run():\n    "Sleeps."\n    import subprocess\n    subprocess.run(${JSON.stringify(command)})\n`;
    const python = { language: "python", file: "sleeps.py", args: {}, memoryMb: 256 } as const;
    const request = scriptRequest(code, { ...python, timeoutMs: 25_000 });
    const stop = new AbortController();
    const options = { tenant: "tn_1", timeoutMs: 30_000, signal: stop.signal };

    const running = pool.run(runScriptTask, request, options);
    await expect.poll(() => processesOf(command), { timeout: 10_000 }).toHaveLength(1);
    stop.abort();

    await expect(running).rejects.toMatchObject({ code: "CANCELLED" });
    await expect.poll(() => processesOf(command), { timeout: 5_000 }).toHaveLength(0);
  },
);
