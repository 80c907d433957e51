// A cut stream is taken up again: while its run is going on, when it is recorded, and when a crash
// had it run again; on both surfaces, always with exactly the rest or a plain word about the reset.

import { afterAll, beforeAll, expect, test } from "vitest";
import {
  CHAT,
  chunksOf,
  contentOf,
  makeDesk,
  type Product,
  startProduct,
} from "../support/product.ts";
import type { Json, Streamed, WireEvent } from "../support/wire-client.ts";

let product: Product;
let agent = "";

beforeAll(async () => {
  product = await startProduct();
  agent = await makeDesk(product);
});
afterAll(() => product.end());

const pieces = Array.from({ length: 8 }, (_, n) => `word${n} `);
const answer = pieces.join("");
const ask = (message: string, more: object = {}) => ({
  agent_key: agent,
  message,
  stream: true,
  ...more,
});

/** Reads until text has come; the events so far. */
async function untilText(stream: Streamed): Promise<WireEvent[]> {
  const seen: WireEvent[] = [];
  for (let event = await stream.next(); event; event = await stream.next()) {
    seen.push(event);
    if (/"content":"w|"type":"text"/.test(event.data)) return seen;
  }
  throw new Error(`The stream ended without text: ${JSON.stringify(seen)}`);
}

/** Starts a turn whose model says three words and then nothing; cuts its stream after the first text. */
async function cutTurn(marker: string) {
  product.provider.when(marker, { pieces, hang: 3, times: 1 });
  const stream = await product.events("POST", CHAT, ask(`refund ${marker}`));
  const seen = await untilText(stream);
  await product.provider.until((call) => call.lastUser.includes(marker) && call.tokens === 3);
  const [first] = chunksOf(seen);
  return { stream, seen, run: String(first.run_id), conversation: String(first.conversation_key) };
}

/** The text of frames, as `/v2/runs/{rn}/events` gives them. */
function textOfFrames(events: readonly WireEvent[]): string {
  const texts = new Map<string, string>();
  for (const { data } of events) {
    const frame: Json = JSON.parse(data);
    const key = `${frame.run}:${frame.step}`;
    if (frame.type === "reset") texts.set(key, "");
    if (frame.type !== "text") continue;
    const before = texts.get(key) ?? "";
    texts.set(key, before.slice(0, frame.offset) + frame.text);
  }
  return [...texts.values()].join("");
}

test("a stream that was cut is taken up while its run goes on, and once it is recorded", async () => {
  const marker = "q-going-on";
  product.provider.when(marker, { pieces, tokenMs: 150, times: 1 });
  const body = ask(`refund ${marker}`);
  const before = await product.balance();
  const stream = await product.events("POST", CHAT, body);
  const seen = await untilText(stream);
  stream.cut();
  const headers = { "Last-Event-ID": seen.at(-1)?.id ?? "" };
  const [first] = chunksOf(seen);

  const running = await (await product.events("POST", CHAT, body, { headers })).rest();
  const recorded = await (await product.events("POST", CHAT, body, { headers })).rest();
  const frames = await (
    await product.events("GET", `/v2/runs/${first.run_id}/events`, undefined, { headers })
  ).rest();

  for (const rest of [running, recorded]) {
    expect(contentOf(seen) + contentOf(rest)).toBe(answer);
    expect(rest.at(-1)?.data).toBe("[DONE]");
    expect(rest.every((event) => event.id !== null)).toBe(true);
  }
  expect(frames.at(-1)?.event).toBe("end");
  expect(product.provider.count(marker)).toBe(1);
  expect(await product.history(first.conversation_key)).toHaveLength(2);
  expect(await product.balance()).toBe(before - 1_000);
});

test("after kill -9 in the middle the run goes on again: reset, and the text from the start", async () => {
  const { seen, run, conversation } = await cutTurn("q-killed");
  const before = await product.balance();
  await product.kill();
  product.provider.when("q-killed", { pieces });
  await product.start();
  const headers = { "Last-Event-ID": seen.at(-1)?.id ?? "" };

  const events = await (
    await product.events("GET", `/v2/runs/${run}/events`, undefined, { headers })
  ).rest();

  const kinds = events.map((event) => event.event);
  expect(kinds).toContain("reset");
  expect(kinds.indexOf("reset")).toBe(kinds.findIndex((kind) => /text|reset/.test(kind ?? "")));
  expect(kinds.at(-1)).toBe("end");
  expect(textOfFrames(events)).toBe(answer);
  expect(product.provider.count("q-killed")).toBe(2);
  expect(await product.history(conversation)).toEqual([
    ["user", "refund q-killed"],
    ["assistant", answer],
  ]);
  // Taken at the accept, so it was paid before the crash, and only then.
  expect(await product.balance()).toBe(before);
});

test("on chunks a run that was run again says stream_restarted; attached again it is whole", async () => {
  const { seen, run, conversation } = await cutTurn("q-chunks");
  await product.kill();
  product.provider.when("q-chunks", { pieces });
  await product.start();
  const body = ask("refund q-chunks");
  const after = (id: string) => ({ headers: { "Last-Event-ID": id } });

  const restarted = await (
    await product.events("POST", CHAT, body, after(seen.at(-1)?.id ?? ""))
  ).rest();
  const last = restarted.at(-1);
  const again = await (await product.events("POST", CHAT, body, after(last?.id ?? ""))).rest();

  expect(JSON.parse(last?.data ?? "{}").error).toMatchObject({
    code: "stream_restarted",
    run_id: run,
  });
  expect(contentOf(restarted)).toBe("");
  expect(contentOf(again)).toBe(answer);
  expect(again.at(-1)?.data).toBe("[DONE]");
  expect(await product.history(conversation)).toHaveLength(2);
});

test("a run that was recorded before a restart is given from the place the client has", async () => {
  const body = ask("refund q-recorded");
  product.provider.when("q-recorded", { pieces });
  const all = await (await product.events("POST", CHAT, body)).rest();
  const cutAt = all.findIndex((event) => event.data.includes('"content":"w'));
  const seen = all.slice(0, cutAt + 1);
  await product.kill();
  await product.start();

  const headers = { "Last-Event-ID": seen.at(-1)?.id ?? "" };
  const rest = await (await product.events("POST", CHAT, body, { headers })).rest();

  expect(contentOf(seen) + contentOf(rest)).toBe(answer);
  expect(rest.at(-1)?.data).toBe("[DONE]");
  expect(product.provider.count("q-recorded")).toBe(1);
});

test("attaching never starts a run: unknown, foreign and nonsense ids are refused", async () => {
  const before = product.provider.count();
  const send = (id: string) =>
    product.call("POST", CHAT, ask("refund q-never"), { headers: { "Last-Event-ID": id } });

  const statuses = [
    (await send("rn_01unknown00000000000000000:model:1:1:0")).status,
    (await send("42")).status,
    (await product.call("GET", "/v2/runs/rn_unknown/events")).status,
  ];

  expect(statuses).toEqual([404, 400, 404]);
  expect(product.provider.count()).toBe(before);
});
