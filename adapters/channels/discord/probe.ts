// A look at an account from outside: whether Discord takes the bot's token, whether the public key is this
// application's, and where it sends interactions.

import type { Finding } from "../adapter.ts";
import { memberOf, textIn } from "../sent-json.ts";
import type { DiscordApi } from "./api.ts";
import type { ApiResult } from "./classify.ts";
import { idIn } from "./place.ts";
import type { DiscordSelf } from "./self.ts";
import { type DiscordSettings, publicKeysOf } from "./settings.ts";

/** Bits of an application's flags: the Message Content Intent, whole and for few rooms. */
const MESSAGE_CONTENT = (1 << 18) | (1 << 19);

/** What a look needs. */
export interface ProbeParts {
  readonly api: DiscordApi;
  readonly settings: DiscordSettings;
  readonly self: DiscordSelf;
  readonly canConnect: boolean;
}

/** Looks at the bot and its application. */
export async function probe(
  { api, settings, self, canConnect }: ProbeParts,
  signal: AbortSignal,
): Promise<Finding[]> {
  const get = (what: string, path: string) => api.call({ what, method: "GET", path, signal });
  const user = await get("looking at the bot", "/users/@me");
  if (!user.ok) return [refused(user)];
  self.learn(idIn(user.body, "id"));
  const name = textIn(user.body, "username", 200) ?? "?";
  const found: Finding[] = [{ ok: true, text: `Discord knows the bot as ${name}.` }];
  if (memberOf(user.body, "bot") !== true) {
    const help = "Take the bot's token of the application's page Bot.";
    found.push({ ok: false, text: "The token is a person's, not a bot's.", help });
  }
  const application = await get("looking at the application", "/applications/@me");
  if (!application.ok) return [...found, refused(application)];
  found.push(...ofKey(settings, application.body), ...ofEndpoint(settings, application.body));
  if (settings.gateway === true) found.push(ofGateway(settings, application.body, canConnect));
  return found;
}

function ofKey(settings: DiscordSettings, application: unknown): Finding[] {
  const keys = publicKeysOf(settings);
  if (keys.length === 0) return [];
  const key = textIn(application, "verify_key", 200)?.toLowerCase() ?? "";
  if (keys.includes(key)) return [{ ok: true, text: "The public key is the application's." }];
  const help = "Take the Public Key of the application's page General Information.";
  return [{ ok: false, text: "The public key is of another application.", help }];
}

function ofEndpoint(settings: DiscordSettings, application: unknown): Finding[] {
  const endpoint = textIn(application, "interactions_endpoint_url", 2_000);
  const hasKey = publicKeysOf(settings).length > 0;
  if (endpoint !== null && !hasKey) {
    const help = "Set public_key, or empty the Interactions Endpoint URL.";
    return [
      { ok: false, text: "Commands go to an address that this account has no key for.", help },
    ];
  }
  if (endpoint !== null || settings.gateway === true) return [];
  const help =
    "Set the Interactions Endpoint URL on General Information to this account's address.";
  return [{ ok: false, text: "Discord does not know where to send commands.", help }];
}

function ofGateway(settings: DiscordSettings, application: unknown, canConnect: boolean): Finding {
  if (!canConnect) {
    const help = "Unset gateway: slash commands and buttons come by the endpoint.";
    return { ok: false, text: "The Gateway needs WebSockets, which are closed here.", help };
  }
  const flags = memberOf(application, "flags");
  const isGranted = typeof flags === "number" && (flags & MESSAGE_CONTENT) !== 0;
  if (settings.message_content === true && !isGranted) {
    const help = "Switch the Message Content Intent on at the page Bot, or unset message_content.";
    return { ok: false, text: "The Message Content Intent is not switched on.", help };
  }
  return { ok: true, text: "The application may use the Gateway as it is set up." };
}

function refused({ failed }: Extract<ApiResult, { ok: false }>): Finding {
  if (failed.class === "auth") {
    const help = "Reset the token on the application's page Bot and set the new one.";
    return { ok: false, text: `The bot's token is refused (${failed.reason}).`, help };
  }
  const help = "Look at the network, at api_url and at discordstatus.com.";
  return { ok: false, text: `Discord could not be asked (${failed.reason}).`, help };
}
