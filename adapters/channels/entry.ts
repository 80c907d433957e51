// A channel as people write it in a file: its settings, its secrets and what holds for every channel stand side
// by side. As the record that the server keeps, they are apart.

import { type ChannelInput, channelInput } from "../../actors/channels/channel.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { ChannelAdapter } from "./adapter.ts";

/** Fields of a file's entry, as read. */
export type EntryFields = Readonly<Record<string, unknown>>;

/** What every channel may say; of two with one name the adapter's own is meant. */
const common = new Set(
  Object.keys((channelInput as unknown as { readonly properties: object }).properties),
);
for (const own of ["settings", "secrets", "managed_by"]) common.delete(own);

/**
 * The record of an entry. @throws RuntimeError UNKNOWN_FIELD with the pointer of a field that neither channels nor
 * this adapter have; INVALID for a secret that is no text.
 */
export function channelOf(
  {
    name,
    agent,
    fields,
  }: { readonly name: string; readonly agent: string; readonly fields: EntryFields },
  adapter: Pick<ChannelAdapter, "kind" | "settings" | "secrets">,
): ChannelInput {
  const known = Object.keys(
    (adapter.settings as unknown as { readonly properties?: object }).properties ?? {},
  );
  const said: Record<string, unknown> = {};
  const settings: Record<string, unknown> = {};
  const secrets: Record<string, string> = {};
  for (const [field, value] of Object.entries(fields)) {
    if (adapter.secrets.includes(field)) secrets[field] = textOf(field, value);
    else if (known.includes(field)) settings[field] = value;
    else if (common.has(field)) said[field] = value;
    else {
      const message = `A channel of kind ${adapter.kind} has no field "${field.slice(0, 60)}".`;
      throw new RuntimeError("UNKNOWN_FIELD", message, { pointer: `/${field}` });
    }
  }
  return { ...said, name, agent, kind: adapter.kind, settings, secrets } as ChannelInput;
}

function textOf(field: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new RuntimeError("INVALID", `${field} must be a text.`, { pointer: `/${field}` });
}

/** The fields without `agent`, and `agents` by id, each of which may have been said by name. @throws what `find` throws. */
export async function withAgentIds(
  fields: EntryFields,
  find: (wanted: string) => Promise<string>,
): Promise<EntryFields> {
  const { agent: _, agents, ...rest } = fields;
  if (agents === undefined) return rest;
  if (typeof agents !== "object" || agents === null) return { ...rest, agents };
  const ids: Record<string, unknown> = {};
  for (const [name, other] of Object.entries(agents)) {
    ids[name] = typeof other === "string" ? await find(other) : other;
  }
  return { ...rest, agents: ids };
}
