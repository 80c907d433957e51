// Looks at a channel of a file through a server, which asks the platform from where it would be asked: who
// answers is there, the server would take the channel, and its platform takes its secrets. Nothing is changed.

import type { ChannelInput } from "../../actors/channels/channel.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { withoutEmpty } from "./entries.ts";
import { channelOf, type EntryFields, withAgentIds } from "./entry.ts";
import type { Found } from "./look.ts";
import { adapterOf } from "./registry.ts";

/** Calls a server: GET, or POST with a body. */
export interface Caller {
  call(path: string, body?: unknown): Promise<unknown>;
}

/** A channel, and who answers where it does not say. */
export interface Looked {
  readonly name: string;
  readonly kind: string;
  readonly fields: EntryFields;
  /** Id or name. */
  readonly agent: string;
}

interface Record {
  readonly id: string;
  readonly kind?: string;
}

/** What is found; what a server refuses is a finding too. @throws RuntimeError when the server does not answer. */
export async function lookThrough(api: Caller, looked: Looked): Promise<readonly Found[]> {
  const { name, kind, fields } = looked;
  try {
    const other = fields["agent"];
    const wanted = typeof other === "string" ? other : looked.agent;
    const others = await withAgentIds(fields, (one) => findAgent(api, one));
    const record = await recordOf({ name, kind, fields: others }, await findAgent(api, wanted));
    const before = await named(api, "/v2/channels", name);
    const of = before.find((one) => one.kind !== kind);
    if (of !== undefined) {
      const text = `The server has a channel of this name of kind ${of.kind} (${of.id}).`;
      return [{ ok: false, text, help: "Give this one another name, or remove that one." }];
    }
    const { findings } = (await api.call("/v2/channels/check", record)) as {
      readonly findings: readonly Found[];
    };
    return findings;
  } catch (error) {
    if (!(error instanceof RuntimeError) || error.code === "WORKER_LOST") throw error;
    return [{ ok: false, text: error.message, help: helpOf(error) }];
  }
}

/** The record of a channel of a file. @throws as `channelOf` and `adapterOf`. */
export async function recordOf(
  { name, kind, fields }: Omit<Looked, "agent">,
  agent: string,
): Promise<ChannelInput> {
  const { agent: _, ...rest } = withoutEmpty(fields);
  return channelOf({ name, agent, fields: rest }, await adapterOf(kind));
}

/** Id of who answers. @throws NOT_FOUND, INVALID where several have the name. */
export async function findAgent(api: Caller, wanted: string): Promise<string> {
  if (/^(ag|tm|wf)_[A-Za-z0-9]{1,61}$/.test(wanted)) return wanted;
  const found = await Promise.all(
    ["/v2/agents", "/v2/teams", "/v2/workflows"].map((path) => named(api, path, wanted)),
  );
  const all = found.flat();
  const [one] = all;
  if (one !== undefined && all.length === 1) return one.id;
  const message =
    one === undefined
      ? `There is no agent, team or workflow named "${wanted.slice(0, 100)}".`
      : `Several are named "${wanted.slice(0, 100)}": say which by its id.`;
  throw new RuntimeError(one === undefined ? "NOT_FOUND" : "INVALID", message);
}

/** Records of a name. */
async function named(api: Caller, path: string, name: string): Promise<readonly Record[]> {
  const query = new URLSearchParams({ name, limit: "2" });
  const page = (await api.call(`${path}?${query}`)) as { readonly data: readonly Record[] };
  return page.data;
}

/** What to do about what a server refuses. */
export function helpOf({ code, details }: RuntimeError): string {
  const status = details?.["status"];
  if (code === "WORKER_LOST") return "Start the server, or correct its address.";
  if (status === 401) return "The server does not know the key: make one with the role admin.";
  if (status === 403) return "Give the key the role developer or admin, and the service it lacks.";
  if (status === 405) return "The server is older than this program: update it.";
  if (status === 429 || status === 503) return "The server is busy or starting: look again.";
  if (code === "NOT_FOUND") return "Make it, or name one that is there.";
  return "Correct the field that the sentence names.";
}
