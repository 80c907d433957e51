// The product with channels, and platforms that outlive it: what people say comes in signed, what they see is
// the platform's own.

import { setTimeout as pause } from "node:timers/promises";
import { type Product, type ProductOptions, startProduct } from "../product.ts";
import type { Json } from "../wire-client.ts";
import { type Attempt, deliverEvent, envelopeOf, SECRET, signedHeaders } from "./slack-sender.ts";
import type { SlackServer } from "./slack-server.ts";
import { BOT, type SlackMessage, TOKEN } from "./slack-workspace.ts";

/** Lets accounts reach the platforms of the loopback. */
export const loopback = "gateway:\n  hosts: [127.0.0.1]\ntools:\n  hosts: [127.0.0.1]\n";

/** Starts it. */
export function startChannelProduct(options: ProductOptions = {}): Promise<Product> {
  return startProduct({ config: loopback, ...options });
}

/** Makes a record; its id. @throws with the server's words. */
export async function made(product: Product, path: string, body: object): Promise<string> {
  const answer = await product.call("POST", path, body);
  if (answer.status !== 201) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
  return String(answer.body.id);
}

/** An agent that repeats what it hears. */
export function madeAgent(product: Product, name = "Desk"): Promise<string> {
  return made(product, "/v2/agents", { name, model_name: "gpt-4o-mini" });
}

/** A channel of Slack at the fake. */
export function slackChannel(fake: SlackServer, agent: string, more: object = {}): object {
  return {
    ...{ name: "Slack", kind: "slack", agent, settings: { api_url: fake.apiUrl } },
    secrets: { bot_token: TOKEN, signing_secret: SECRET },
    ...more,
  };
}

/** What is listed of a channel. */
export async function listed(
  product: Product,
  channel: string,
  what: string,
): Promise<readonly Json[]> {
  const rows: Json[] = [];
  const sign = what.includes("?") ? "&" : "?";
  for (let cursor = ""; ; ) {
    const query = `limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    const path = `/v2/channels/${channel}/${what}${sign}${query}`;
    const { status, body } = await product.call("GET", path);
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    rows.push(...body.data);
    if (body.next_cursor === null) return rows;
    cursor = body.next_cursor;
  }
}

/** Something that somebody has said at Slack. */
export interface SlackSaid {
  readonly ts: string;
  readonly text: string;
  /** As the platform delivers it. */
  readonly envelope: object;
}

/** Somebody says something to the bot, in a room or in the thread of a message. */
export function sayAtSlack(
  fake: SlackServer,
  text: string,
  {
    room = "CROOM1",
    thread,
    user = "UANNA1",
  }: { room?: string; thread?: string; user?: string } = {},
): SlackSaid {
  const more = thread === undefined ? {} : { thread_ts: thread };
  const said = fake.workspace.say(room, { user, text: `<@${BOT.user}> ${text}`, ...more });
  const event = {
    ...{ type: "app_mention", channel: room, user, text: said.text, ts: said.ts },
    ...{ event_ts: said.ts, ...more },
  };
  return { ts: said.ts, text, envelope: envelopeOf(event) };
}

/** Delivers what was said like the platform does. */
export function delivered(url: string, said: SlackSaid, scale = 1): Promise<Attempt[]> {
  return deliverEvent(url, said.envelope, { scale });
}

/** What the bot has said below a message. */
export function repliesTo(fake: SlackServer, ts: string, room = "CROOM1"): readonly SlackMessage[] {
  return fake.workspace.saidByBot(room).filter(({ thread_ts: thread }) => thread === ts);
}

/** Somebody presses a button of a message. @returns the status that came back. */
export async function pressAtSlack(
  url: string,
  { message, button, user }: { message: SlackMessage; button: number; user: string },
  room = "CROOM1",
): Promise<number> {
  const actions = message.blocks?.at(-1) as { readonly elements: readonly object[] };
  const payload = {
    ...{ type: "block_actions", team: { id: BOT.team }, user: { id: user, name: "boss" } },
    ...{ channel: { id: room }, message, trigger_id: `${message.ts}.press`, response_url: "" },
    container: { type: "message", message_ts: message.ts, channel_id: room },
    actions: [{ ...actions.elements[button], action_ts: message.ts }],
  };
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const headers = signedHeaders(body, { type: "application/x-www-form-urlencoded" });
  return (await fetch(`${url}/interactive`, { method: "POST", body, headers })).status;
}

/** Waits until it is so. @throws with what it was, when it is not within the time. */
export async function until<T>(
  look: () => T | Promise<T>,
  isSo: (value: T) => boolean,
  withinMs = 20_000,
): Promise<T> {
  const endMs = Date.now() + withinMs;
  for (;;) {
    const value = await look();
    if (isSo(value)) return value;
    if (Date.now() > endMs) throw new Error(`It stays ${JSON.stringify(value).slice(0, 2_000)}.`);
    await pause(20);
  }
}
