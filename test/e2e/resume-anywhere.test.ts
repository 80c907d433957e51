// A chat's stream taken up after each of its events, the accept and the sources too, while its run
// goes on and when it has ended, in every way a client can: nothing was lost, so the rest of the text
// comes, all of it and once, and nobody is told that it was begun again.

import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { CHAT, chunksOf, contentOf, type Product, startProduct } from "../support/product.ts";
import type { Json, WireEvent } from "../support/wire-client.ts";

const COLLECTIONS = "/v2/knowledge/collections";
const COMPLETIONS = "/v1/chat/completions";
const CREATE = "/v1/proxy/core-agent";
const pieces = ["The puffins ", "are fed ", "by the keeper ", "on Mondays, ", "he ", "says."];
const question = "Who feeds the puffins?";

let product: Product;
let collection = "";
beforeAll(async () => {
  product = await startProduct();
  product.provider.otherwise({ pieces, tokenMs: 60 });
  collection = (await product.call("POST", COLLECTIONS, { name: "Island" })).body.id;
  const documents = `${COLLECTIONS}/${collection}/documents?wait=true`;
  await product.call("POST", documents, {
    text: "The lighthouse keeper feeds the puffins on Mondays. They like herring.",
  });
}, 30_000);
afterAll(() => product.end());

/** An agent of its own, with the documents; `sub`: those of its only sub-agent. */
async function makeAgent(model: string, of: "own" | "sub" | "none"): Promise<string> {
  const made = await product.call("POST", `${CREATE}-create`, {
    ...{ name: "Guide", system_message: "You answer about the island.", model_name: model },
    ...{ agent_type: "supervisor" },
    ...(of === "own" ? { requires_collection: true, collection_ids: [collection] } : {}),
  });
  const agent = String(made.body.data.agent_key);
  if (of !== "sub") return agent;
  const answer = await product.call("POST", `${CREATE}-subagent-create/${agent}`, {
    ...{ name: "Birds", trigger: { keywords: ["puffins"], description: "Questions about birds." } },
    ...{ is_active: true, use_rag: true, collection_key: collection, model_name: model },
  });
  expect(answer.status).toBeLessThan(300);
  return agent;
}

/** What somebody who comes back is given: its text, and what else it is told. */
interface Rest {
  readonly text: string;
  readonly kinds: readonly string[];
}

type Way = (run: string, after: string) => Promise<Rest>;

const ofFrames = (frames: readonly { readonly type: string; readonly data: Json }[]): Rest => ({
  text: frames.map(({ type, data }) => (type === "text" ? data.text : "")).join(""),
  kinds: frames.map(({ type }) => type),
});

/** The same request again, with the id of the last event. */
const again =
  (path: string, body: object): Way =>
  async (_run, after) => {
    const headers = { "Last-Event-ID": after };
    const events = await (await product.events("POST", path, body, { headers })).rest();
    const errors = chunksOf(events).flatMap(({ error }) => (error === undefined ? [] : [error]));
    const last = events.at(-1)?.data === "[DONE]" ? ["end"] : [];
    return { text: contentOf(events), kinds: [...errors.map(({ code }) => String(code)), ...last] };
  };

const byFrames: Way = async (run, after) => {
  const headers = { "Last-Event-ID": after };
  const path = `/v2/runs/${run}/events`;
  const events = await (await product.events("GET", path, undefined, { headers })).rest();
  return ofFrames(events.map(({ event, data }) => ({ type: event ?? "", data: JSON.parse(data) })));
};

const byQuery: Way = async (run, after) => {
  const path = `/v2/runs/${run}/events?after=${encodeURIComponent(after)}`;
  const events = await (await product.events("GET", path)).rest();
  return ofFrames(events.map(({ event, data }) => ({ type: event ?? "", data: JSON.parse(data) })));
};

const bySocket: Way = async (run, after) => {
  const headers = { "X-API-Key": product.adminKey };
  const socket = new WebSocket(`${product.url.replace("http", "ws")}/ws`, { headers });
  const frames: { type: string; data: Json }[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => {
      const params = { run_id: run, after };
      socket.send(JSON.stringify({ type: "req", id: "r1", method: "resume", params }));
    });
    socket.on("message", (bytes) => {
      const message: Json = JSON.parse(String(bytes));
      if (message.ok === false) reject(new Error(JSON.stringify(message.error)));
      if (message.type !== "event") return;
      frames.push({ type: message.event, data: message.data });
      if (message.event === "end" || message.event === "error") resolve();
    });
  });
  socket.close();
  return ofFrames(frames);
};

/** Who comes back after the last of these events, in each way. */
function comeBack(ways: Ways, seen: readonly WireEvent[]): readonly Promise<Back>[] {
  const after = seen.at(-1)?.id ?? "";
  const run = String(chunksOf(seen)[0].run_id ?? chunksOf(seen)[0].id.slice("chatcmpl-".length));
  const before = contentOf(seen);
  return Object.entries(ways).map(async ([way, come]) => {
    const { text, kinds } = await come(run, after);
    return { way, after, text: before + text, kinds };
  });
}

type Ways = Readonly<Record<string, Way>>;

/** What somebody who came back has in the end. */
interface Back extends Rest {
  readonly way: string;
  readonly after: string;
}

/** Reads a stream to its end; after each event others come back, then and once more at the end. */
async function cutEverywhere(path: string, body: object, ways: Ways) {
  const stream = await product.events("POST", path, body);
  const seen: WireEvent[] = [];
  const live: Promise<Back>[] = [];
  for (let event = await stream.next(); event; event = await stream.next()) {
    seen.push(event);
    if (event.data !== "[DONE]") live.push(...comeBack(ways, seen));
  }
  const places = seen.slice(0, -1).map((_, at) => seen.slice(0, at + 1));
  const whileLive = await Promise.all(live);
  const backs = [...whileLive];
  for (const place of places) backs.push(...(await Promise.all(comeBack(ways, place))));
  const whole = contentOf(seen);
  const isWrong = ({ text, kinds }: Back): boolean =>
    text !== whole || kinds.at(-1) !== "end" || kinds.some((kind) => TOLD.test(kind));
  return { seen, whole, backs, wrong: backs.filter(isWrong) };
}

/** What says that something was lost. */
const TOLD = /reset|gap|error|restart/;

const chatWays = (body: object): Ways => ({
  ...{ chat: again(CHAT, body), frames: byFrames, query: byQuery, socket: bySocket },
});

test.each([
  ["builtin", "own"],
  ["builtin", "sub"],
  ["gpt-4o-mini", "own"],
  ["gpt-4o-mini", "sub"],
  ["gpt-4o-mini", "none"],
] as const)(
  "after any event of a chat the rest comes: model %s, documents %s",
  async (model, documents) => {
    const agent = await makeAgent(model, documents);
    const body = { agent_key: agent, message: question, stream: true };

    const { seen, whole, backs, wrong } = await cutEverywhere(CHAT, body, chatWays(body));

    const [withSources] = chunksOf(seen).filter((chunk) => chunk.sources !== undefined);
    if (documents !== "none") expect(withSources.sources).toHaveLength(1);
    expect(whole).toMatch(/on Mondays/);
    expect(backs.length).toBeGreaterThanOrEqual(2 * 4 * 3);
    const texts = backs.map(({ kinds }) => kinds.filter((kind) => kind === "text").length);
    // Who comes while it is written is given it piece by piece.
    if (model !== "builtin") expect(Math.max(...texts)).toBeGreaterThan(1);
    expect(wrong).toEqual([]);
  },
);

test("so it does on OpenAI's surface", async () => {
  const agent = await makeAgent("gpt-4o-mini", "own");
  const messages = [{ role: "user", content: question }];
  const body = { model: `agent:${agent}`, messages, stream: true };

  const ways = { completions: again(COMPLETIONS, body), frames: byFrames };
  const { whole, wrong } = await cutEverywhere(COMPLETIONS, body, ways);

  expect(whole).toBe(pieces.join(""));
  expect(wrong).toEqual([]);
});

test("after any frame of a run that has ended the rest of its frames comes", async () => {
  const agent = await makeAgent("gpt-4o-mini", "sub");
  const body = { agent_key: agent, message: question, stream: true };
  const { seen } = await cutEverywhere(CHAT, body, {});
  const { run_id } = chunksOf(seen)[0];
  const frames = await (await product.events("GET", `/v2/runs/${run_id}/events`)).rest();

  const rests = await Promise.all(frames.slice(0, -1).map(({ id }) => byFrames(run_id, id ?? "")));

  const textBefore = (at: number): string =>
    frames
      .slice(0, at + 1)
      .map(({ event, data }) => (event === "text" ? JSON.parse(data).text : ""))
      .join("");
  expect(rests.map(({ text }, at) => textBefore(at) + text)).toEqual(
    rests.map(() => pieces.join("")),
  );
  expect(rests.flatMap(({ kinds }) => kinds.filter((kind) => TOLD.test(kind)))).toEqual([]);
});
