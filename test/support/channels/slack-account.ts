// An account of Slack at the fake, as tests use it.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import type { Outgoing, Part, Receipt, SendResult } from "../../../actors/channels/outgoing.ts";
import type { ChannelInstance, SendOptions } from "../../../adapters/channels/adapter.ts";
import { slack } from "../../../adapters/channels/slack/adapter.ts";
import { type LoopbackEnvironment, loopbackEnvironment } from "./loopback-environment.ts";
import { SECRET } from "./slack-sender.ts";
import type { SlackServer } from "./slack-server.ts";
import { BOT, TOKEN } from "./slack-workspace.ts";

/** Where tests speak. */
export const room = { team: BOT.team, channel: "CROOM1" };

/** Opens an account. */
export function openAccount(
  fake: SlackServer,
  settings: object = {},
  environment: LoopbackEnvironment = loopbackEnvironment(),
): { readonly account: ChannelInstance; readonly environment: LoopbackEnvironment } {
  const basic = { bot_token: TOKEN, signing_secret: SECRET, api_url: fake.apiUrl };
  return { account: slack.create({ ...basic, ...settings }, environment), environment };
}

let keys = 0;

/** Options of a send, with a key of its own. */
export function sendOptions(): SendOptions {
  keys += 1;
  return { key: `dv_${keys}.0`, attempt: 1, signal: AbortSignal.timeout(10_000) };
}

/** The first part of what is to be said. */
export function firstPart(account: ChannelInstance, outgoing: Outgoing | string): Part {
  const [part] = account.render(typeof outgoing === "string" ? { text: outgoing } : outgoing);
  if (part === undefined) throw new Error("Nothing was rendered.");
  return part;
}

/** Of a send that has arrived. */
export function receiptOf(result: SendResult | undefined): Receipt {
  if (result === undefined || !result.ok) throw new Error(result?.reason ?? "It was not sent.");
  return result.receipt;
}

/** An address on loopback at which nobody listens. */
export async function nobodyAt(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}
