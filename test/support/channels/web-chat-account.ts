// A web chat for tests, spoken to as its widget does.

import type { Inbound } from "../../../actors/channels/inbound.ts";
import type { Outgoing } from "../../../actors/channels/outgoing.ts";
import type {
  ChannelInstance,
  ChannelResponse,
  Handled,
} from "../../../adapters/channels/adapter.ts";
import { webChat } from "../../../adapters/channels/web-chat/adapter.ts";
import type { WebChatSettings } from "../../../adapters/channels/web-chat/settings.ts";
import { rawRequest } from "./raw-request.ts";
import {
  type TestEnvironment,
  type TestEnvironmentOptions,
  testEnvironment,
} from "./test-environment.ts";

/** Of accounts. */
export const SECRET = "s".repeat(32);
/** Of the embedding site. */
export const USER_SECRET = "u".repeat(32);
/** A page that may show the chat. */
export const ORIGIN = "https://shop.example.com";
/** Patience without end. */
export const never: AbortSignal = new AbortController().signal;

/** An open account. */
export interface ChatAccount {
  readonly instance: ChannelInstance;
  readonly environment: TestEnvironment;
}

/** Opens one. */
export function openChat(
  settings: Partial<WebChatSettings> = {},
  options: TestEnvironmentOptions = {},
): ChatAccount {
  const environment = testEnvironment({ nowMs: 1_800_000_000_000, ...options });
  const all = { allowed_origins: [ORIGIN], secret: SECRET, ...settings };
  return { instance: webChat.create(all, environment), environment };
}

/** How a request is sent. */
export interface PostOptions {
  /** Null: none. */
  readonly origin?: string | null;
  readonly signal?: AbortSignal;
  readonly clientAddress?: string;
}

/** What the account makes of a post. */
export async function handledPost(
  { instance }: ChatAccount,
  path: string,
  body: unknown,
  { origin = ORIGIN, clientAddress }: PostOptions = {},
): Promise<Handled> {
  const route = instance.routes.find((one) => one.method === "POST" && one.path === path);
  const request = rawRequest({
    path,
    headers: origin === null ? {} : { origin },
    body: body instanceof Uint8Array || typeof body === "string" ? body : JSON.stringify(body),
    ...(clientAddress !== undefined && { clientAddress }),
  });
  return (await route?.handle(request)) as Handled;
}

/** What is answered in the end, as JSON, with its status. */
export async function postJson(
  account: ChatAccount,
  path: string,
  body: unknown,
  options: PostOptions = {},
): Promise<
  Record<string, unknown> & { readonly status: number; readonly response: ChannelResponse }
> {
  const handled = await handledPost(account, path, body, options);
  const response =
    "refused" in handled
      ? handled.refused
      : ((await handled.later?.(options.signal ?? never)) ?? handled.ack);
  const value = JSON.parse(response.body ?? "null") as Record<string, unknown>;
  return { ...value, status: response.status, response };
}

/** A new visitor's ticket. */
export async function ticketOf(account: ChatAccount, body: object = {}): Promise<string> {
  const { token } = await postJson(account, "/session", body);
  return String(token);
}

/** The event that a post of a message is. */
export async function eventOf(account: ChatAccount, body: object): Promise<Inbound> {
  const handled = await handledPost(account, "/messages", body);
  const [event] = "events" in handled ? handled.events : [];
  if (event === undefined) throw new Error(`No event: ${JSON.stringify(handled)}`);
  return event;
}

/** Sends an answer to where an event came from. */
export async function answer(
  { instance }: ChatAccount,
  event: Inbound,
  outgoing: Outgoing,
  key: string,
): Promise<void> {
  for (const [index, part] of instance.render(outgoing).entries()) {
    const options = { key: `${key}.${index}`, attempt: 1, signal: never };
    const result = await instance.send(part, event.address, options);
    if (!result.ok) throw new Error(result.reason);
  }
}
