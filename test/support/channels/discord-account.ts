// An account of Discord at the fake, as tests use it.

import type { Inbound } from "../../../actors/channels/inbound.ts";
import type { Outgoing, Part, Receipt, SendResult } from "../../../actors/channels/outgoing.ts";
import type {
  ChannelInstance,
  ChannelRequest,
  Handled,
  SendOptions,
} from "../../../adapters/channels/adapter.ts";
import { discord } from "../../../adapters/channels/discord/adapter.ts";
import { type DiscordServer, PUBLIC_KEY, TOKEN } from "./discord-server.ts";
import { type LoopbackEnvironment, loopbackEnvironment } from "./loopback-environment.ts";

/** Opens an account. @param clock what its clock says. */
export function openDiscord(
  { apiUrl }: Pick<DiscordServer, "apiUrl">,
  settings: object = {},
  clock: () => number = Date.now,
): { readonly account: ChannelInstance; readonly environment: LoopbackEnvironment } {
  const environment = loopbackEnvironment(clock);
  const basic = { bot_token: TOKEN, public_key: PUBLIC_KEY, api_url: apiUrl };
  return { account: discord.create({ ...basic, ...settings }, environment), environment };
}

/** What an account makes of a request. */
export async function handled(
  account: ChannelInstance,
  request: ChannelRequest,
): Promise<{
  readonly status: number;
  readonly events: readonly Inbound[];
  readonly said: Handled;
}> {
  const route = account.routes.find(({ path }) => path === request.path);
  if (route === undefined) throw new Error(`There is no route ${request.path}.`);
  const said = await route.handle(request);
  if ("refused" in said) return { status: said.refused.status, events: [], said };
  return { status: said.ack.status, events: said.events, said };
}

let keys = 0;

/** Options of a send, with a key of its own. */
export function sendOptions(): SendOptions {
  keys += 1;
  return { key: `dv_${keys}.0`, attempt: 1, signal: AbortSignal.timeout(10_000) };
}

/** The parts of what is to be said, of which there is one at least. */
export function partsOf(account: ChannelInstance, outgoing: Outgoing | string): [Part, ...Part[]] {
  const said = typeof outgoing === "string" ? { text: outgoing } : outgoing;
  const [first, ...more] = account.render(said);
  if (first === undefined) throw new Error("Nothing was rendered.");
  return [first, ...more];
}

/** Of a send that has arrived. */
export function receiptOf(result: SendResult | undefined): Receipt {
  if (result === undefined || !result.ok) throw new Error(result?.reason ?? "It was not sent.");
  return result.receipt;
}
