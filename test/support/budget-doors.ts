// Ways to ask an agent of the running product, for tests of its limits: each says which limit refused it.

import { WebSocket } from "ws";
import type { Product } from "./product.ts";
import type { Json } from "./wire-client.ts";

/** What is asked. */
export interface Asked {
  readonly agent: string;
  readonly text: string;
  readonly key: string;
  /** Of a socket. */
  readonly conversation: string;
  /** Of a socket: what the run may spend. */
  readonly maxSpend?: number;
}

/** How it ended: answered, or refused, and by which limit. Undefined: nobody was there to be told. */
export type Ended =
  | { readonly status?: number; readonly limit?: Json; readonly text: string }
  | undefined;

/** A way to ask. */
export type Door = (product: Product, asked: Asked) => Promise<Ended>;

const path = (agent: string): string => `/v2/agents/${agent}/runs`;

/** The limit that an error names, wherever a protocol says it. */
function limitOf(said: Json): Json {
  return said?.limit ?? said?.error?.limit ?? said?.outcome?.error?.details?.limit;
}

const endOf = (said: Json): Ended => ({ limit: limitOf(said), text: JSON.stringify(said) });

async function waiting(product: Product, { agent, text, key }: Asked): Promise<Ended> {
  const { status, body } = await product.call("POST", path(agent), { input: text }, { key });
  return { status, ...endOf(body), text: JSON.stringify(body) };
}

async function background(product: Product, { agent, text, key }: Asked): Promise<Ended> {
  const body = { input: text, mode: "background" };
  const { status } = await product.call("POST", path(agent), body, { key });
  if (status !== 202) throw new Error(`A run in the background was answered ${status}.`);
  return undefined;
}

const completionOf = ({ agent, text }: Asked): object => ({
  ...{ model: `agent:${agent}`, messages: [{ role: "user", content: text }] },
});

async function completion(product: Product, asked: Asked): Promise<Ended> {
  const more = { key: asked.key };
  const answer = await product.call("POST", "/v1/chat/completions", completionOf(asked), more);
  return { status: answer.status, text: JSON.stringify(answer.body) };
}

async function streamed(product: Product, asked: Asked): Promise<Ended> {
  return await streamOf(product, asked, path(asked.agent), { input: asked.text, mode: "stream" });
}

async function streamedCompletion(product: Product, asked: Asked): Promise<Ended> {
  const body = { ...completionOf(asked), stream: true };
  return await streamOf(product, asked, "/v1/chat/completions", body);
}

async function streamOf(
  product: Product,
  { key }: Asked,
  to: string,
  body: object,
): Promise<Ended> {
  const stream = await product.events("POST", to, body, { key });
  const events = await stream.rest();
  const said = events.flatMap(({ data }) => (data.startsWith("{") ? [JSON.parse(data)] : []));
  const limit = said.map(limitOf).find((one) => one !== undefined);
  return { limit, text: events.map(({ data }) => data).join("\n") };
}

/** One message of a conversation, over a socket of its own. */
async function socket(product: Product, asked: Asked): Promise<Ended> {
  const client = new WebSocket(`${product.url.replace("http", "ws")}/ws`);
  const request = (method: string, params: object): void =>
    client.send(JSON.stringify({ type: "req", id: method, method, params }));
  const { agent: agent_key, text: message, conversation: conversation_key, key: token } = asked;
  const max_spend = asked.maxSpend;
  const ended = new Promise<Ended>((resolve) => {
    client.on("error", () => resolve(undefined)).on("close", () => resolve(undefined));
    client.on("open", () => request("hello", { token }));
    client.on("message", (bytes) => {
      const { id, event, ok, data, error } = JSON.parse(String(bytes));
      if (ok === false) resolve(endOf({ error }));
      else if (id === "hello") request("chat", { agent_key, message, conversation_key, max_spend });
      else if (event === "end" || event === "error") resolve(endOf(data));
    });
  });
  return await ended.finally(() => client.terminate());
}

/** A client that goes away at the first event, and takes its run with it. */
async function leaving(product: Product, { agent, text, key }: Asked): Promise<Ended> {
  const body = { input: text, mode: "stream", on_disconnect: "cancel" };
  const stream = await product.events("POST", path(agent), body, { key });
  await stream.next();
  stream.cut();
  return undefined;
}

/** All of them, by name. */
export const doors = {
  ...{ waiting, streamed, background, completion, streamedCompletion, socket, leaving },
} as const satisfies Readonly<Record<string, Door>>;
