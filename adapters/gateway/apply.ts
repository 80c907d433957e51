// Tells a server of the agent and the channels of a gateway: made where they are new, changed where they
// differ, found by their names. The server keeps them; a gateway that is started again finds the same.

import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { ChannelInput } from "../../actors/channels/channel.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { channelOf, type EntryFields, withAgentIds } from "../channels/entry.ts";
import { findAgent } from "../channels/look-through.ts";
import { adapterOf } from "../channels/registry.ts";
import type { ApiClient } from "../cli/api-client.ts";
import {
  type GatewayAgent,
  type GatewayChannel,
  type GatewaySettings,
  gatewayLimits,
  type LocalAgent,
} from "./options.ts";

/** Status of a key that came with another body before. */
const KEY_REUSED = 422;

type Caller = Pick<ApiClient, "call">;
type Shown = Readonly<Record<string, unknown>> & { readonly id: string };

/** A channel that the server has. */
export interface Applied {
  /** Below /gateway. */
  readonly name: string;
  readonly kind: string;
  readonly id: string;
}

/** What holds for all of them. */
export interface ApplySettings extends Pick<GatewaySettings, "sessionTtl"> {
  /** Whose they are from now on. */
  readonly name: string;
  /** Names of gateways that run: what is theirs stays theirs. */
  readonly others: readonly string[];
}

/** Makes the server have them. @throws RuntimeError with the server's words and the channel's name. */
export async function apply(
  api: Caller,
  agent: GatewayAgent,
  channels: readonly GatewayChannel[],
  { sessionTtl, name: gateway, others }: ApplySettings,
): Promise<readonly Applied[]> {
  if (channels.length > gatewayLimits.channels) {
    const message = `A gateway has at most ${gatewayLimits.channels} channels, not ${channels.length}.`;
    throw new RuntimeError("INVALID", message);
  }
  const names = channels.map(nameOf);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) {
    throw new RuntimeError("INVALID", `Two channels are named "${twice}"; give one another name.`);
  }
  const id = "server" in agent ? await findAgent(api, agent.agent) : await putAgent(api, agent);
  const applied: Applied[] = [];
  for (const channel of channels) {
    const name = nameOf(channel);
    try {
      const adapter = await adapterOf(channel.kind);
      const ttl: EntryFields = sessionTtl === undefined ? {} : { session_ttl: sessionTtl };
      const fields: EntryFields = { ...ttl, ...channel.fields };
      const other = typeof fields["agent"] === "string" ? fields["agent"] : undefined;
      const agentId = other === undefined ? id : await findAgent(api, other);
      const resolved = await withAgentIds(fields, (one) => findAgent(api, one));
      const input = channelOf({ name, agent: agentId, fields: resolved }, adapter);
      applied.push({
        name,
        kind: channel.kind,
        id: await putChannel(api, input, { gateway, others }),
      });
    } catch (cause) {
      throw ofChannel(name, cause);
    }
  }
  return applied;
}

/** What was wrong, with the channel that it is about. */
function ofChannel(channel: string, cause: unknown): unknown {
  if (!(cause instanceof RuntimeError)) return cause;
  const details = { ...cause.details, channel };
  return new RuntimeError(cause.code, `${channel}: ${cause.message}`, details, { cause });
}

/** Name of a channel. */
export function nameOf({ name, kind }: GatewayChannel): string {
  return name ?? kind;
}

async function named(api: Caller, path: string, name: string): Promise<readonly Shown[]> {
  const query = new URLSearchParams({ name, limit: "2" });
  const page = (await api.call(`${path}?${query}`)) as { readonly data: readonly Shown[] };
  return page.data;
}

async function putAgent(api: Caller, agent: LocalAgent): Promise<string> {
  const { name, description, model, systemPrompt, fields = {} } = agent;
  const wanted = {
    name,
    ...(description !== undefined && { description }),
    ...(model !== undefined && { model_name: model }),
    ...(systemPrompt !== undefined && { system_message: systemPrompt }),
    ...fields,
  };
  const [before] = await named(api, "/v2/agents", name);
  if (before === undefined) return await createOnce(api, "/v2/agents", wanted);
  const other = Object.entries(wanted).filter(([field, value]) => !same(before[field], value));
  if (other.length > 0) {
    await api.call(`/v2/agents/${before.id}`, Object.fromEntries(other), "PATCH");
  }
  return before.id;
}

/** Makes what was not found; gateways that start at once make it once. */
async function createOnce(
  api: Caller,
  path: string,
  body: { readonly name: string },
): Promise<string> {
  const { name } = body;
  const create = async (headers: Readonly<Record<string, string>> = {}): Promise<string> =>
    ((await api.call(path, body, "POST", headers)) as Shown).id;
  const key = `gateway ${createHash("sha256").update(name).digest("hex")}`;
  const first = await create({ "Idempotency-Key": key }).catch((error: unknown) => {
    // Made with other fields, by another gateway or earlier.
    if (error instanceof RuntimeError && error.details?.["status"] === KEY_REUSED) return null;
    throw error;
  });
  const there = await named(api, path, name);
  const [found] = there;
  // The key may be remembered longer than what it has made.
  return there.some(({ id }) => id === first) ? (first ?? "") : (found?.id ?? (await create()));
}

async function putChannel(
  api: Caller,
  said: ChannelInput,
  { gateway, others }: { readonly gateway: string; readonly others: readonly string[] },
): Promise<string> {
  const [before] = await named(api, "/v2/channels", said.name);
  const by = before?.["managed_by"];
  const owner = typeof by === "string" && others.includes(by) ? by : gateway;
  const input: ChannelInput = { ...said, managed_by: owner };
  if (before === undefined) return await createOnce(api, "/v2/channels", input);
  if (before["kind"] !== input.kind) {
    const message = `The server has a channel of this name of kind ${String(before["kind"])}.`;
    throw new RuntimeError("CONFLICT", message);
  }
  // Secrets are shown to nobody: whether they differ is the server's to see.
  const shown = (value: unknown): unknown => value ?? undefined;
  const differs = Object.entries(input).some(
    ([field, value]) => field !== "secrets" && !same(shown(before[field]), value),
  );
  const secrets = Object.keys(input.secrets ?? {});
  const kept = Object.keys((before["secrets"] ?? {}) as object);
  if (!differs && secrets.length === 0 && kept.length === 0) return before.id;
  await api.call(`/v2/channels/${before.id}`, replacing(before, input), "PATCH");
  return before.id;
}

/** What the file does not say any more is unset. */
function replacing(before: Shown, input: ChannelInput): object {
  const stamps = new Set(["id", "version", "created_at", "updated_at"]);
  const gone = Object.entries(before).filter(
    ([field, value]) => value !== null && !(field in input) && !stamps.has(field),
  );
  return { ...Object.fromEntries(gone.map(([field]) => [field, null])), ...input };
}

function same(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(one, other);
}
