// Webhook accounts for tests: opened over a receiver or a mailbox, and spoken to with signed posts.

import { createHmac } from "node:crypto";
import type { Inbound } from "../../../actors/channels/inbound.ts";
import type { Outgoing } from "../../../actors/channels/outgoing.ts";
import type {
  ChannelInstance,
  ChannelResponse,
  Handled,
} from "../../../adapters/channels/adapter.ts";
import { webhook } from "../../../adapters/channels/webhook/adapter.ts";
import type { WebhookSettings } from "../../../adapters/channels/webhook/settings.ts";
import { rawRequest } from "./raw-request.ts";
import {
  type TestEnvironment,
  type TestEnvironmentOptions,
  testEnvironment,
} from "./test-environment.ts";
import { startReceiver, type WebhookReceiver } from "./webhook-receiver.ts";

/** Secrets of accounts, and when they are open. */
export const SECRET = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
export const OLD_SECRET = `whsec_${Buffer.alloc(32, 2).toString("base64")}`;
export const NOW_MS = 1_800_000_000_000;
/** Patience without end. */
export const never: AbortSignal = new AbortController().signal;

const ends: (() => unknown)[] = [];

/** Ends what was opened: after each test. */
export async function endAccounts(): Promise<void> {
  for (const end of ends.splice(0)) await end();
}

/** An account that is open. */
export interface Account {
  readonly instance: ChannelInstance;
  readonly environment: TestEnvironment;
}

/** An account with its environment. */
export function open(
  settings: Partial<WebhookSettings> = {},
  options: TestEnvironmentOptions = {},
): Account {
  const environment = testEnvironment({ nowMs: NOW_MS, ...options });
  ends.push(() => environment.close());
  return { instance: webhook.create({ secret: SECRET, ...settings }, environment), environment };
}

/** A message. */
export const message = { conversation: "order 7", user: "ann", text: "Where is it?", id: "m1" };

interface PostOptions {
  readonly id?: string;
  readonly secret?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bytes?: Uint8Array;
}

/** Posts a body, signed. */
export function post(
  { instance }: Account,
  body: unknown,
  { id = "msg_1", secret = SECRET, headers = {}, bytes }: PostOptions = {},
): Promise<Handled> {
  const raw = bytes ?? Buffer.from(JSON.stringify(body));
  const time = String(NOW_MS / 1_000);
  const mac = createHmac("sha256", Buffer.from(secret.slice(6), "base64"));
  const signature = `v1,${mac.update(`${id}.${time}.`).update(raw).digest("base64")}`;
  const signed = {
    "webhook-id": id,
    "webhook-timestamp": time,
    "webhook-signature": signature,
    ...headers,
  };
  const route = instance.routes.find(({ method, path }) => method === "POST" && path === "");
  return Promise.resolve(route?.handle(rawRequest({ headers: signed, body: raw })) as Handled);
}

/** The event that a request was. */
export function eventOf(handled: Handled): Inbound {
  const [event] = "events" in handled ? handled.events : [];
  if (event === undefined) throw new Error(`No event: ${JSON.stringify(handled)}`);
  return event;
}

/** What a request was refused with. */
export function refusalOf(handled: Handled): ChannelResponse {
  if ("refused" in handled) return handled.refused;
  throw new Error("It was taken.");
}

/** A response's JSON. */
export const jsonOf = (response: ChannelResponse | undefined) =>
  JSON.parse(response?.body ?? "null") as Record<string, unknown> & {
    messages: Record<string, unknown>[];
    status_path: string;
  };

/** Sends an answer, part by part. */
export async function answer(account: Account, event: Inbound, outgoing: Outgoing, key: string) {
  const results = [];
  for (const [index, part] of account.instance.render(outgoing).entries()) {
    const options = { key: `${key}.${index}`, attempt: 1, signal: never };
    results.push(await account.instance.send(part, event.address, options));
  }
  return results;
}

/** Gets a path below the account. */
export async function get(
  { instance }: Account,
  pathAndQuery: string,
  signal: AbortSignal = never,
): Promise<ChannelResponse> {
  const [path = "", query = ""] = pathAndQuery.split("?");
  const route = instance.routes.find((one) => one.method === "GET" && one.path === path);
  const request = rawRequest({ method: "GET", path, query, publicUrl: `https://b.example${path}` });
  const handled = (await route?.handle(request)) as Handled;
  return "refused" in handled ? handled.refused : ((await handled.later?.(signal)) ?? handled.ack);
}

/** An account that answers to a receiver on loopback, and a message it had. */
export async function callbackAccount(
  settings: Partial<WebhookSettings> = {},
): Promise<Account & { readonly receiver: WebhookReceiver; readonly event: Inbound }> {
  const receiver = await startReceiver(SECRET);
  ends.push(() => receiver.close());
  // The operator allows the loopback receiver; the real clock, because the library checks by it.
  const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
  const account = open(
    {
      reply: "callback",
      callback_url: receiver.url,
      secret: `${SECRET} ${OLD_SECRET}`,
      ...settings,
    },
    { egress: { allowedHosts: ["127.0.0.1"] }, nowMs: NOW_MS },
  );
  const event = eventOf(await post(account, message));
  account.environment.setNow(nowMs);
  return { ...account, receiver, event };
}
