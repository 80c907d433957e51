// Microsoft Teams: the Bot Connector's activities in, Markdown and Adaptive Cards out.

import type { Receipt } from "../../../actors/channels/outgoing.ts";
import type { ChannelEnvironment, Finding } from "../adapter.ts";
import { type DefinedInstance, defineChannel } from "../define.ts";
import { createConnector } from "./connector.ts";
import { fetchFile } from "./files.ts";
import { SigningKeys } from "./keys.ts";
import { teamsLimits } from "./limits.ts";
import { renderTeams, renderTeamsPlain } from "./render.ts";
import { teamsRoutes } from "./requests.ts";
import { editPart, sendPart, sendTyping } from "./send.ts";
import {
  addressesOf,
  checkSettings,
  type TeamsSettings,
  teamsSecrets,
  teamsSettings,
} from "./settings.ts";
import { createTokens, type Tokens } from "./tokens.ts";

/** Answers to what was asked an hour ago surprise more than they help. */
const DELIVER_WITHIN_MS = 3_600_000;

/** The kind `teams`. */
export const teams = defineChannel({
  kind: "teams",
  settings: teamsSettings,
  secrets: teamsSecrets,
  capabilities: {
    textMax: teamsLimits.text,
    textUnit: "utf16",
    edit: true,
    buttons: true,
    typingMs: teamsLimits.typingMs,
    fileBytesMax: 0,
    // What was not answered at all comes again; what was refused does not.
    dedupeHours: teamsLimits.dedupeHours,
    deliverWithinMs: DELIVER_WITHIN_MS,
    // 50 calls a second of an app in a directory; in a conversation 7 in a second, 60 in half a minute.
    accountRate: { calls: 40, perMs: 1_000, burst: 40 },
    conversationRate: { calls: 60, perMs: 30_000, burst: 7 },
  },
  sessionScope: "thread",
  create: (settings, environment) => openAccount(settings, environment),
});

function openAccount(settings: TeamsSettings, environment: ChannelEnvironment): DefinedInstance {
  checkSettings(settings);
  const { app_id: appId, tenants } = settings;
  const { metadata, issuer } = addressesOf(settings);
  const hosts = {
    serviceHosts: settings.service_hosts ?? [],
    fileHosts: settings.file_hosts ?? [],
  };
  const keys = new SigningKeys(metadata, environment);
  const tokens = createTokens(settings, environment);
  const connector = createConnector({ tokens, environment, ...hosts });
  const sending = { connector, replaced: new Map<string, Receipt>() };
  const nowMs = () => environment.nowMs();
  return {
    routes: teamsRoutes({ keys, issuer, appId, nowMs, tenants, ...hosts }),
    render: renderTeams,
    renderPlain: renderTeamsPlain,
    send: (part, address, options) => sendPart(part, address, options, sending),
    edit: (receipt, part, address, options) => editPart(receipt, part, address, options, sending),
    typing: (address, signal) => sendTyping(address, signal, connector),
    fetchFile: (file, bytesMax, signal) =>
      fetchFile(file, bytesMax, signal, { ...hosts, tokens, environment }),
    probe: () => probe(keys, tokens),
  };
}

/** A look from outside: whether keys can be read, and whether Microsoft gives the bot a token. */
async function probe(keys: SigningKeys, tokens: Tokens): Promise<Finding[]> {
  const why = await keys.refresh();
  const readable: Finding =
    why === null
      ? { ok: true, text: "The keys of the Bot Connector can be read." }
      : { ok: false, text: `Nothing that comes can be verified: ${why}.`, help: NETWORK };
  // A new one is asked for: one that is kept says nothing about the password of now.
  const kept = await tokens.current();
  const given = kept.ok ? await tokens.renewed(kept.token) : kept;
  if (given.ok) return [readable, { ok: true, text: "Microsoft gives the bot a token." }];
  const isRefused = given.failed.class === "auth";
  const help = isRefused
    ? "Look at app_id, app_password (does the client secret still hold?) and tenant_id."
    : NETWORK;
  return [readable, { ok: false, text: `${given.failed.reason}.`, help }];
}

const NETWORK = "Look at the network, and at metadata_url and login_url.";
