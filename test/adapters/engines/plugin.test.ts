// Plugins: processes that do tasks over their standard streams. What one does wrong fails its own task alone. The
// plugins of README.md are real ones here too.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PluginConfig } from "../../../actors/engines/agent-configs.ts";
import { PluginPool } from "../../../adapters/engines/plugin-pool.ts";
import { createRedactor } from "../../../adapters/redaction.ts";
import type { Spawned } from "../../../adapters/targets/spawner.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import {
  type DriveOptions,
  drive,
  openWorkshop,
  type Workshop,
} from "../../support/engine-work.ts";

const program = fileURLToPath(new URL("../../support/bad-plugin.js", import.meta.url));
const readme = fileURLToPath(new URL("../../../../adapters/engines/README.md", import.meta.url));
const SECRET = "sk-plugin-0123456789";

let workshop: Workshop;
const pools: PluginPool[] = [];
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await workshop.end();
});

function poolOf(
  more: Partial<PluginConfig> = {},
  nowMs?: () => number,
  { spawner } = workshop,
): PluginPool {
  const pool = new PluginPool({
    config: { command: [process.execPath, program], ...more },
    spawner,
    secrets: { PLUGIN_KEY: SECRET },
    redactor: createRedactor([SECRET]),
    prices: { micros: () => null },
    lifeMs: 600_000,
    ...(nowMs && { nowMs }),
  });
  pools.push(pool);
  return pool;
}
const ask = (pool: PluginPool, text: string, options: DriveOptions = {}) =>
  drive((task, hooks) => pool.task(task, hooks), text, options);

test("a plugin does a task: text, calls, a result with data, a session and what it has cost", async () => {
  const { end, text, events } = await ask(poolOf({ units_per_usd: 10 }), "go");

  expect(text).toBe("All is well.");
  expect(end).toEqual({
    ...{ text: "", answer: "All is well.", session: "s-1", output: { ok: true } },
    usage: { promptTokens: 5, completionTokens: 3, model: "own", spendMicros: 200_000 },
  });
  expect(events.map(({ type }) => type)).toEqual(["text", "tool_call", "tool_result", "text"]);
});

test("a process is used again, and one task has one to itself", async () => {
  const pool = poolOf();
  const who = async (options: DriveOptions = {}) =>
    JSON.parse((await ask(pool, "who", options)).end.answer);

  const first = await who({ session: "s-9" });
  const second = await who();
  const [left, right] = await Promise.all([who(), who()]);

  expect(first).toMatchObject({
    ...{ session: "s-9" },
    context: { tenant: "tn_1", conversation: "cv_1", operation: "rn_1/engine:work" },
  });
  expect(second.pid).toBe(first.pid);
  expect(left.pid).not.toBe(right.pid);
});

test("a process works for one tenant, and makes room for another's", async () => {
  const small = await openWorkshop(1);
  const pool = poolOf({}, undefined, small);
  const who = async (tenant: string) =>
    JSON.parse((await ask(pool, "who", { tenant })).end.answer).pid;

  const pids = [await who("tn_1"), await who("tn_1"), await who("tn_2"), await who("tn_1")];

  expect(pids[1]).toBe(pids[0]);
  expect(new Set(pids).size).toBe(3);
  await pool.end();
  await small.end();
});

test("a target that is lost before a task was given is one where nothing has begun", async () => {
  const lost = new RuntimeError("TARGET_LOST", "The connection was lost.", { began: true });
  let starts = 0;
  const start = async (): Promise<Spawned> => {
    starts += 1;
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const exit = starts === 1 ? Promise.resolve({ code: 1, signal: null }) : Promise.reject(lost);
    exit.catch(() => undefined);
    for (const stream of [stdout, stderr]) stream.end();
    return { stdin, stdout, stderr, exit, kill: () => undefined };
  };

  const pool = poolOf({}, undefined, { ...workshop, spawner: { start } });
  const errors = [];
  for (let number = 0; number < 6; number += 1) {
    errors.push(await ask(pool, "go").catch((error: RuntimeError) => error));
  }

  // Nor has the plugin died.
  const one = expect.objectContaining({ code: "TARGET_LOST", details: { began: false } });
  expect(errors).toEqual(Array(6).fill(one));
});

test("one that dies fails its own task and no other, and says why without its key", async () => {
  const pool = poolOf();
  const by = new AbortController();

  const waiting = ask(pool, "hang", {
    signal: by.signal,
    on: ({ type }) => type === "text" && begun(),
  });
  let begun = (): void => undefined;
  await new Promise<void>((resolve) => {
    begun = resolve;
  });
  const dead = await ask(pool, "die");
  by.abort(new Error("enough"));
  const other = await waiting;
  const next = await ask(pool, "go");

  expect(dead.end.error).toMatchObject({ code: "PROVIDER_FAILED" });
  expect(dead.end.error?.message).toContain("it ended with code 5, and says: killed by ***");
  expect(dead.text).toBe("I go");
  expect(other.end.answer).toBe("cancel");
  expect(next.end.error).toBeUndefined();
});

test.each([
  ["long", /a line of more than 1048576 characters/],
  ["noise", /it writes what is no JSON/],
  ["fail", /no: \*\*\*/],
])("what it does wrong fails its task: %s", async (way, why) => {
  const { end } = await ask(poolOf(), way);

  expect(end.error?.code).toBe("PROVIDER_FAILED");
  expect(end.error?.message).toMatch(why);
});

test("a line that was printed by mistake, and a word after the end, do no harm", async () => {
  const pool = poolOf();

  const noisy = await ask(pool, "some-noise");
  await ask(pool, "late");
  const next = await ask(pool, "go");

  expect(noisy.end.answer).toBe("fine");
  expect(next.text).toBe("All is well.");
});

test("one that takes more memory than it may is ended by the machine", async () => {
  const { end } = await ask(poolOf({ memory_mb: 256 }), "eat");

  expect(end.error?.message).toContain("it ended");
});

test("one that has cost what it may is ended, and what it has cost is known", async () => {
  const { end } = await ask(poolOf({ max_cost: 1 }), "cost");

  expect(end.error).toMatchObject({ code: "BUDGET_EXHAUSTED", details: { limit: "max_cost" } });
  expect(end.usage).toMatchObject({ promptTokens: 5, spendMicros: 2_000_000 });
});

test("one that does not end what was cancelled is killed", async () => {
  const by = new AbortController();

  const { end } = await ask(poolOf(), "stubborn", { signal: by.signal, on: () => by.abort() });

  expect(end.error?.message).toContain("it does not end what was cancelled");
});

test("one that does not stay is started later each time, and whoever would wait long is refused", async () => {
  let now = 1_000_000;
  const pool = poolOf({ command: [process.execPath, program, "dead"] }, () => now);
  const fault = async () =>
    await ask(pool, "go").then(
      ({ end }) => end.error,
      (error: Error & { code: string }) => error,
    );

  const codes = [];
  for (let at = 0; at < 5; at += 1) {
    codes.push((await fault())?.code);
    // As long as it would have to wait: 500 ms, then twice as much each time.
    now += 500 * 2 ** at;
  }
  const last = await fault();
  const refused = await fault();

  expect(codes).toEqual(Array(5).fill("PROVIDER_FAILED"));
  expect(last?.code).toBe("PROVIDER_FAILED");
  expect(refused).toMatchObject({
    code: "PROVIDER_UNAVAILABLE",
    details: { retryAfterMs: 16_000 },
  });
});

test("one that speaks another protocol is none", async () => {
  const future = ask(poolOf({ command: [process.execPath, program, "future"] }), "go");

  await expect(future).rejects.toThrow("it speaks protocol 9, not 1");
});

test.each([
  ["js", [process.execPath, "plugin.mjs"]],
  ["python", ["python3", "plugin.py"]],
])("the plugin of the documentation in %s does its task", async (language, command) => {
  const text = await readFile(readme, "utf8");
  const [, code = ""] = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(text) ?? [];
  await writeFile(join(workshop.folder, String(command[1])), code);

  const { text: shown, end } = await ask(poolOf({ command }), "one two three");

  expect(shown).toBe("3 words");
  expect(end).toMatchObject({ answer: "3 words", session: null });
});
