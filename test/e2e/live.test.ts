// Answers under way, over the real process: cancelled, left by their callers, met by a second
// message, watched over a WebSocket. What reaches the provider is looked at where it arrives.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
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
const pieces = ["one ", "two ", "three ", "four"];

beforeAll(async () => {
  product = await startProduct();
  agent = await makeDesk(product);
});
afterAll(() => product.end());
afterEach(() => product.provider.reset());

const ask = (message: string, more: object = {}) => ({ agent_key: agent, message, ...more });

/** Starts a streamed turn whose model says two words and then waits for ever. */
async function hangingTurn(marker: string, more: object = {}) {
  product.provider.when(marker, { pieces, hang: 2, times: 1 });
  const body = ask(`refund ${marker}`, { stream: true, ...more });
  const stream = await product.events("POST", CHAT, body);
  const seen: (WireEvent | undefined)[] = [];
  while (contentOf(seen) !== "one two ") seen.push(await stream.next());
  const [chunk] = chunksOf(seen);
  return { stream, run: String(chunk.run_id), conversation_key: String(chunk.conversation_key) };
}

const closedAt = (marker: string) =>
  product.provider.until((call) => call.lastUser.includes(marker) && call.outcome === "closed");

async function outcomeOf(run: string): Promise<string> {
  await (await product.events("GET", `/v2/runs/${run}/events`)).rest();
  return (await product.call("GET", `/v2/runs/${run}`)).body.status;
}

async function lastError(stream: Streamed): Promise<Json> {
  return JSON.parse((await stream.rest()).at(-1)?.data ?? "{}").error;
}

test("cancel closes the provider's socket, keeps what was shown, and pays for that", async () => {
  const before = await product.balance();
  const { stream, run, conversation_key } = await hangingTurn("q-cancel");

  const cancelled = await product.call("POST", `/v2/runs/${run}/cancel`);
  await closedAt("q-cancel");

  expect(cancelled.status).toBe(202);
  expect((await lastError(stream)).code).toBe("CANCELLED");
  expect(await outcomeOf(run)).toBe("cancelled");
  expect(await product.history(conversation_key)).toEqual([
    ["user", "refund q-cancel"],
    ["assistant", "one two "],
  ]);
  expect(await product.balance()).toBe(before - 1_000);
});

test("a run that is cancelled before it showed anything costs nothing", async () => {
  product.provider.when("q-silent", { hang: "at-once" });
  const before = await product.balance();
  const stream = await product.events("POST", CHAT, ask("refund q-silent", { stream: true }));
  const [{ run_id }] = chunksOf([await stream.next()]);
  await product.provider.until((call) => call.lastUser.includes("q-silent"));

  await product.call("POST", `/v2/runs/${run_id}/cancel`);
  await closedAt("q-silent");

  expect(await outcomeOf(run_id)).toBe("cancelled");
  expect(await product.balance()).toBe(before);
});

test("cancelling a conversation ends its run and what waits behind it", async () => {
  const { stream, conversation_key } = await hangingTurn("q-all");
  const body = { input: "refund q-behind", conversation_key, mode: "background" };
  const waiting = await product.call("POST", `/v2/agents/${agent}/runs`, body);

  await product.call("POST", `/v2/conversations/${conversation_key}/cancel`);
  await closedAt("q-all");
  await stream.rest();

  expect(await outcomeOf(waiting.body.id)).toBe("cancelled");
  expect(product.provider.count("q-behind")).toBe(0);
});

test("on_disconnect continue: the run goes on and is stored when its caller has gone", async () => {
  product.provider.when("q-stays", { pieces, tokenMs: 100 });
  const stream = await product.events("POST", CHAT, ask("refund q-stays", { stream: true }));
  const [chunk] = chunksOf([await stream.next()]);
  stream.cut();

  expect(await outcomeOf(chunk.run_id)).toBe("completed");

  expect(await product.history(chunk.conversation_key)).toEqual([
    ["user", "refund q-stays"],
    ["assistant", pieces.join("")],
  ]);
});

test("on_disconnect cancel: the provider's socket closes when the caller stays away", async () => {
  const { stream, run } = await hangingTurn("q-leaves", { on_disconnect: "cancel" });

  stream.cut();
  await closedAt("q-leaves");

  expect(await outcomeOf(run)).toBe("cancelled");
});

test("on_busy reject: 409, and nothing of the second message is kept", async () => {
  const { stream, run, conversation_key } = await hangingTurn("q-busy");

  const busy = await product.call(
    "POST",
    CHAT,
    ask("refund q-second", { conversation_key, on_busy: "reject" }),
  );
  await product.call("POST", `/v2/runs/${run}/cancel`);
  await stream.rest();

  expect([busy.status, busy.body.error.code]).toEqual([409, "CONVERSATION_BUSY"]);
  expect(await product.history(conversation_key)).toHaveLength(2);
});

test("on_busy enqueue: the second message is answered after the first", async () => {
  product.provider.when("q-first", { pieces, tokenMs: 80 });
  const stream = await product.events("POST", CHAT, ask("refund q-first", { stream: true }));
  const [{ conversation_key }] = chunksOf([await stream.next()]);

  const second = await product.call("POST", CHAT, ask("refund q-next", { conversation_key }));
  const events = await stream.rest();

  expect(contentOf(events)).toBe(pieces.join(""));
  expect(second.body.data.response).toBe("Echo: refund q-next");
  expect((await product.history(conversation_key)).map(([, content]) => content)).toEqual([
    "refund q-first",
    pieces.join(""),
    "refund q-next",
    "Echo: refund q-next",
  ]);
});

test("on_busy interrupt: the first is cut at the provider and kept as far as it was shown", async () => {
  const { stream, run, conversation_key } = await hangingTurn("q-cut-short");
  const more = { conversation_key, on_busy: "interrupt" };

  const second = await product.call("POST", CHAT, ask("refund q-last-word", more));
  await closedAt("q-cut-short");
  await stream.rest();

  expect(second.body.data.response).toBe("Echo: refund q-last-word");
  expect(await outcomeOf(run)).toBe("cancelled");
  expect((await product.history(conversation_key)).map(([, content]) => content)).toEqual([
    "refund q-cut-short",
    "one two ",
    "refund q-last-word",
    "Echo: refund q-last-word",
  ]);
});

test("on_busy merge: what waits becomes one input, and every caller gets that answer", async () => {
  product.provider.when(/^refund q-long$/, { pieces, firstTokenMs: 700 });
  const stream = await product.events("POST", CHAT, ask("refund q-long", { stream: true }));
  const [{ conversation_key }] = chunksOf([await stream.next()]);
  const more = { conversation_key, on_busy: "merge" };

  const [one, two] = await Promise.all([
    product.call("POST", CHAT, ask("refund q-merge-a", more)),
    product.call("POST", CHAT, ask("refund q-merge-b", more)),
  ]);
  await stream.rest();

  expect(one.body.data.run_id).toBe(two.body.data.run_id);
  for (const part of ["q-merge-a", "q-merge-b"]) {
    expect(one.body.data.response).toContain(part);
  }
  expect(await product.history(conversation_key)).toHaveLength(5);
});

test("on_busy steer: a follow-up is taken into the run that is going on", async () => {
  product.provider.when(/^refund q-steered$/, { pieces, firstTokenMs: 700 });
  const stream = await product.events("POST", CHAT, ask("refund q-steered", { stream: true }));
  const [{ conversation_key }] = chunksOf([await stream.next()]);

  const steered = await product.call(
    "POST",
    CHAT,
    ask("and q-also", { conversation_key, on_busy: "steer" }),
  );
  await stream.rest();

  expect(steered.status).toBe(200);
  expect(steered.body.data.response).toContain("q-also");
  const texts = (await product.history(conversation_key)).map(([, content]) => content);
  expect(texts.filter((text) => text === "and q-also")).toHaveLength(1);
});

/** A WebSocket client: requests by id, events in order. */
async function socketOf() {
  const socket = new WebSocket(`${product.url.replace("http", "ws")}/ws`);
  const frames: Json[] = [];
  const waiting = new Set<() => void>();
  socket.on("message", (bytes) => {
    frames.push(JSON.parse(String(bytes)));
    for (const wake of waiting) wake();
  });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const find = (fits: (frame: Json) => boolean): Promise<Json> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = frames.find(fits);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  let made = 0;
  const request = (method: string, params: object): Promise<Json> => {
    made += 1;
    const id = `r${made}`;
    socket.send(JSON.stringify({ type: "req", id, method, params }));
    return find((frame) => frame.type === "res" && frame.id === id);
  };
  await request("hello", { token: product.adminKey });
  return { socket, frames, find, request };
}

const textIn = (frames: readonly Json[]): string =>
  frames
    .filter((frame) => frame.event === "text")
    .map((frame) => frame.data.text)
    .join("");

test("over /ws a chat streams, is cut, and resumed on another socket gives exactly the rest", async () => {
  product.provider.when("q-socket", { pieces, tokenMs: 150 });
  const first = await socketOf();
  const chat = await first.request("chat", { agent_key: agent, message: "refund q-socket" });
  const text = await first.find((frame) => frame.event === "text");
  first.socket.terminate();
  const seen = first.frames.slice(0, first.frames.indexOf(text) + 1);

  const second = await socketOf();
  const { run_id } = chat.data;
  const resumed = await second.request("resume", { run_id, after: text.data.id });
  const end = await second.find((frame) => frame.event === "end");
  second.socket.close();

  expect(resumed.ok).toBe(true);
  expect(textIn(seen) + textIn(second.frames)).toBe(pieces.join(""));
  expect(end.data.reply.response).toBe(pieces.join(""));
  const numbers = second.frames.flatMap((frame) => (frame.type === "event" ? [frame.seq] : []));
  expect(numbers).toEqual(numbers.map((_, n) => n + 1));
  expect(product.provider.count("q-socket")).toBe(1);
});

test("over /ws a run is cancelled, and the provider's socket closes", async () => {
  product.provider.when("q-ws-cancel", { pieces, hang: 2 });
  const client = await socketOf();
  const chat = await client.request("chat", { agent_key: agent, message: "refund q-ws-cancel" });
  await product.provider.until((call) => call.tokens === 2);

  await client.request("cancel", { run_id: chat.data.run_id });
  await closedAt("q-ws-cancel");
  const end = await client.find((frame) => frame.event === "end");
  client.socket.close();

  expect(end.data.outcome.status).toBe("cancelled");
});
