// The entry of gateways inside other programs: `import { Gateway, slack } from "troupe/gateway"`. Everything
// public and nothing else; README.md beside this file is its page.

import type { EntryFields } from "../channels/entry.ts";
import type { GatewayChannel } from "./options.ts";

export type {
  Capabilities,
  ChannelAdapter,
  ChannelEnvironment,
  ChannelInstance,
  ChannelRequest,
  ChannelResponse,
  ChannelRoute,
  Finding,
  Handled,
  PlatformAnswer,
  PlatformRequest,
  Sink,
} from "../channels/adapter.ts";
export { jsonAnswer, refusal } from "../channels/answer.ts";
export { defineChannel } from "../channels/define.ts";
export { personSender } from "../channels/person-sender.ts";
export { failedSend, jsonIn } from "../channels/platform-answer.ts";
export { register } from "../channels/registry.ts";
export { fieldsOf, listIn, memberOf, textIn } from "../channels/sent-json.ts";
export { isSameWord, isSigned } from "../signature.ts";
export type { ChannelUrl } from "./gateway.ts";
export { Gateway } from "./gateway.ts";
export type { Mountable } from "./mount.ts";
export type {
  GatewayAgent,
  GatewayChannel,
  GatewaySettings,
  LocalAgent,
  RemoteAgent,
} from "./options.ts";

/** Fields of a channel, as its kind and every channel take them, in camel case; `name` is part of its address. */
export type ChannelFields = Readonly<Record<string, unknown>> & { readonly name?: string };

/** A channel of any kind. @throws nothing: what is wrong with it is told by `start`. */
export function channel(kind: string, { name, ...fields }: ChannelFields): GatewayChannel {
  return { kind, name, fields: snakeCase(fields) };
}

const of =
  (kind: string) =>
  (fields: ChannelFields): GatewayChannel =>
    channel(kind, fields);

/** Slack: `botToken`, `signingSecret`. */
export const slack = of("slack");
/** WhatsApp Cloud API: `phoneNumberId`, `accessToken`, `verifyToken`, `appSecret`. */
export const whatsapp = of("whatsapp");
/** A mailbox: IMAP in, SMTP out. */
export const email = of("email");
/** Signed HTTP, for any program. */
export const webhook = of("webhook");
/** A chat in web pages. */
export const webChat = of("web_chat");

/** Fields that have fields; names in other maps (`agents`) are the user's own. */
const nested = new Set(["business_hours"]);

/** `signingSecret` as files have it, `signing_secret`. */
function snakeCase(fields: Readonly<Record<string, unknown>>): EntryFields {
  const named = Object.entries(fields).map(([camel, value]) => {
    const name = camel.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const isNested = nested.has(name) && typeof value === "object" && value !== null;
    return [name, isNested ? snakeCase({ ...value }) : value];
  });
  return Object.fromEntries(named);
}
