// What `troupe gateway doctor` finds: the server and its key, who answers, and every channel as its platform
// sees it. It only looks: nothing is made, changed or sent, whether the gateway runs or not.

import { RuntimeError } from "../../runtime/errors.ts";
import { findAgent, helpOf, lookThrough } from "../channels/look-through.ts";
import type { GatewayFile } from "../gateway/file.ts";
import type { GatewayChannel, LocalAgent, RemoteAgent } from "../gateway/options.ts";
import { createApiClient } from "./api-client.ts";

/** One finding. */
export interface Told {
  readonly ok: boolean;
  /** What it is about: the server, the agent or a channel. */
  readonly name: string;
  readonly text: string;
  /** What to do; null: nothing. */
  readonly help: string | null;
}

/** A server that says nothing for so long is not there, ms. */
const HEALTH_MS = 10_000;
/** Channels that are looked at side by side. */
const LOOKS_AT_ONCE = 20;
/** Any id: who answers at a gateway's own agent is made when it starts. */
const ownAgent = "ag_0";

/** All findings, in the order of the file. */
export async function examineGateway(file: GatewayFile, folder: string): Promise<readonly Told[]> {
  const { name, agent, channels } = file;
  const read = well("file", `${name} can be read, and has ${channels.length} channels.`);
  const rest =
    "server" in agent ? await ofServer(agent, channels) : await ofOwn(file, agent, folder);
  return [read, ...rest];
}

async function ofServer(
  { server, agent }: RemoteAgent,
  channels: readonly GatewayChannel[],
): Promise<readonly Told[]> {
  const url = server.url.replace(/\/+$/, "");
  const away = await notThere(url);
  if (away !== null) return [away];
  const api = createApiClient({ url, key: server.key, tenant: server.tenant });
  const told: Told[] = [well("server", `A Troupe server answers at ${url}.`)];
  try {
    await api.call("/v2/channels?limit=1");
    told.push(well("key", "The server knows the key, and it may read channels."));
  } catch (error) {
    return [...told, refused("key", error)];
  }
  try {
    const id = await findAgent(api, agent);
    told.push(well("agent", `"${agent}" answers (${id}).`));
  } catch (error) {
    told.push(refused("agent", error));
    return told;
  }
  const looks = await eachOf(channels, async ({ name, kind, fields }) => {
    const about = name ?? kind;
    try {
      const found = await lookThrough(api, { name: about, kind, fields, agent });
      return found.map((one) => ({ ...one, name: about }));
    } catch (error) {
      return [refused(about, error)];
    }
  });
  return [...told, ...looks];
}

/** Null: a server of ours answers there. */
async function notThere(url: string): Promise<Told | null> {
  const help = "Start the server, or correct server.url in the file.";
  const bad = (text: string): Told => ({ ok: false, name: "server", text, help });
  try {
    const signal = AbortSignal.timeout(HEALTH_MS);
    const answer = await fetch(`${url}/health`, { signal, redirect: "manual" });
    const text = (await answer.text()).slice(0, 1_000);
    if (!answer.ok || !text.includes('"status"') || !text.includes('"ready"')) {
      return bad(`What answers at ${url} (${answer.status}) is no Troupe server.`);
    }
    if (text.includes('"ready":true')) return null;
    return { ...bad(`The server at ${url} is starting or stopping.`), help: "Look again soon." };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { code } = (error.cause ?? {}) as { readonly code?: unknown };
    const why =
      error.name === "TimeoutError" ? `within ${HEALTH_MS / 1_000} s` : String(code ?? "");
    return bad(`No server answers at ${url}${why === "" ? "" : ` (${why})`}.`);
  }
}

/** With an agent of its own there is no server yet: its model provider and its platforms are asked from here. */
async function ofOwn(
  { settings, channels }: GatewayFile,
  agent: LocalAgent,
  folder: string,
): Promise<readonly Told[]> {
  const [{ localConfig }, { providersCheck }, { examine }, { lookAtRecord }, { loadOwn }] =
    await Promise.all([
      import("../gateway/local.ts"),
      import("../doctor/providers.ts"),
      import("../doctor/examine.ts"),
      import("../channels/look.ts"),
      import("../channels/middleware/own.ts"),
    ]);
  const { openOutside } = await import("../channels/outside.ts");
  const config = await localConfig(agent, settings, folder);
  const patient = { config, configError: null, data: config.data, owner: null, ask: null };
  const told: Told[] = (await examine([providersCheck], patient)).map(({ level, what, fix }) => ({
    ...{ ok: level !== "error", name: "provider", text: what, help: fix },
  }));
  const { hosts, middleware } = config.gateway;
  try {
    await loadOwn(middleware);
  } catch (error) {
    return [...told, refused("middleware", error)];
  }
  const outside = openOutside({ hosts });
  const parts = { kinds: { middleware }, outside, nowMs: Date.now };
  const { recordOf } = await import("../channels/look-through.ts");
  try {
    const looks = await eachOf(channels, async ({ name, kind, fields }) => {
      const about = name ?? kind;
      try {
        const record = await recordOf({ name: about, kind, fields }, ownAgent);
        const of = { tenant: "tn_default", record };
        const found = await lookAtRecord(parts, of, new AbortController().signal);
        return found.map((one) => ({ ...one, name: about }));
      } catch (error) {
        return [refused(about, error)];
      }
    });
    return [...told, ...looks];
  } finally {
    outside.egress.close();
  }
}

/** What each gives, some at a time and in their order. */
async function eachOf<T>(
  all: readonly T[],
  look: (one: T) => Promise<readonly Told[]>,
): Promise<readonly Told[]> {
  const told: Told[] = [];
  for (let at = 0; at < all.length; at += LOOKS_AT_ONCE) {
    const some = await Promise.all(all.slice(at, at + LOOKS_AT_ONCE).map(look));
    told.push(...some.flat());
  }
  return told;
}

function well(name: string, text: string): Told {
  return { ok: true, name, text, help: null };
}

/** @throws what is nobody's answer. */
function refused(name: string, error: unknown): Told {
  if (!(error instanceof RuntimeError)) throw error;
  return { ok: false, name, text: error.message, help: helpOf(error) };
}
