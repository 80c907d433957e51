// The machine's clock is set under the real process while everything is under way: forward an hour,
// back an hour, forward a year. What was begun ends as if nothing had been, nobody is refused or held
// up for it, no deadline is cut early, and no thread runs hot.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CHAT, makeDesk, type Product, startProduct } from "../support/product.ts";
import { clockPreload, setServerClock } from "../support/server-clock.ts";
import type { Json, Streamed } from "../support/wire-client.ts";

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
const START_MS = 60_000;
/** Requests a second of one key, and at once. */
const RATE = 50;
/** CPU time of a process that has nothing to do, as a share of one core. */
const IDLE_SHARE_MAX = 0.5;
const IDLE_MS = 1_000;
const TICKS_A_SECOND = 100;

let product: Product;
let agent = "";

beforeAll(async () => {
  product = await startProduct({
    preload: clockPreload,
    env: { TROUPE_WORKERS: "2" },
    config: `http: { requests_per_second: ${RATE}, requests_burst: ${RATE} }
`,
  });
  agent = await makeDesk(product);
}, START_MS);
afterAll(() => product.end());

const setClock = (byMs: number): Promise<void> => setServerClock(product, byMs);

/** CPU time of the server so far, in seconds. */
function cpuSeconds(): number {
  const stat = readFileSync(`/proc/${product.server.process.pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

async function idleShare(): Promise<number> {
  const before = cpuSeconds();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  return ((cpuSeconds() - before) * 1_000) / IDLE_MS;
}

const chat = (message: string, more: object = {}): Promise<Json> =>
  product.call("POST", CHAT, { agent_key: agent, message, ...more });

async function streamUntil(stream: Streamed, text: string): Promise<void> {
  for (let event = await stream.next(); event !== undefined; event = await stream.next()) {
    if (event.data.includes(text)) return;
  }
  throw new Error(`The stream ended without "${text}".`);
}

/** A stream, a call that is tried again, one that is slow, and one that waits behind it: all under way. */
async function beginAll(name: string) {
  const { provider } = product;
  provider.when(`${name} stream`, { pieces: ["one ", "two ", "three"], tokenMs: 700, times: 1 });
  provider.when(`${name} retry`, { error: { status: 503, retryAfterMs: 1_500 }, times: 1 });
  provider.when(`${name} slow`, { text: "slow answer", firstByteMs: 1_500, times: 1 });
  const opened = await chat(`refund ${name} opening`);
  const { conversation_key } = opened.body.data;
  const body = { input: `refund ${name} stream`, mode: "stream" };
  const stream = await product.events("POST", `/v2/agents/${agent}/runs`, body);
  const retried = chat(`refund ${name} retry`);
  const slow = chat(`refund ${name} slow`, { conversation_key });
  const asked = (text: string) => provider.until((call) => call.lastUser.includes(text));
  await Promise.all([asked(`${name} retry`), asked(`${name} slow`), streamUntil(stream, "one")]);
  const behind = chat(`refund ${name} behind`, { conversation_key });
  return { opened, conversation_key, stream, retried, slow, behind };
}

const jumps = [
  ["back an hour", -HOUR_MS],
  ["forward an hour", HOUR_MS],
  ["forward a year", YEAR_MS],
] as const;

for (const [name, byMs] of jumps) {
  test(`${name}: what is under way ends, new work is taken, and nothing runs hot`, async () => {
    const under = await beginAll(name);

    await setClock(byMs);
    const beganMs = performance.now();
    const answers = await Promise.all([under.retried, under.slow, under.behind]);
    const frames = (await under.stream.rest()).map(({ data }) => JSON.parse(data));
    const tookMs = performance.now() - beganMs;
    const burst = await Promise.all(
      Array.from({ length: 10 }, () => product.call("GET", "/v2/agents")),
    );
    const again = await chat(`refund ${name} again`, { conversation_key: under.conversation_key });
    const fresh = await chat(`refund ${name} fresh`);

    const all = [under.opened, ...answers, again, fresh];
    expect(all.map(({ status }) => status)).toEqual(all.map(() => 200));
    expect(burst.map(({ status }) => status)).toEqual(burst.map(() => 200));
    expect(frames.at(-1)).toMatchObject({ type: "end", reply: { response: "one two three" } });
    expect(tookMs).toBeLessThan(15_000);
    const users = (await product.history(under.conversation_key))
      .filter(([role]) => role === "user")
      .map(([, text]) => text.replace(`refund ${name} `, ""));
    expect(users).toEqual(["opening", "slow", "behind", "again"]);
    expect(await idleShare()).toBeLessThan(IDLE_SHARE_MAX);
    const date = Date.parse(again.headers.get("date") ?? "");
    expect(Math.abs(date - Date.parse(fresh.headers.get("date") ?? ""))).toBeLessThan(60_000);
  });
}
