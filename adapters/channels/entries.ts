// The channels of a file, by name: what their adapters do not take is told with its place. The same for a
// gateway.yaml and for `channels` of a troupe.yaml.

import { channelInput } from "../../actors/channels/channel.ts";
import type { TSchema } from "../../actors/schema.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { EntryFault, NamedEntries } from "../config-field.ts";
import { loadValidator, validateAll } from "../http/validate.ts";
import { type Path, pathOf } from "../references.ts";
import { channelOf, type EntryFields, withAgentIds } from "./entry.ts";
import { adapterOf } from "./registry.ts";

/** A channel of a file. */
export interface Entry {
  readonly name: string;
  readonly kind: string;
  readonly fields: EntryFields;
}

/** Whose agents answer where an entry names no tenant. */
export const ENTRY_TENANT = "tn_default";

/** Any id of an agent: who answers is looked up when the channel is made. */
const someAgent = "ag_0";

/** The channels. @param wrong told of each thing that is wrong. */
export async function readEntries(
  channels: NamedEntries,
  wrong: (path: Path, said: string) => void,
): Promise<readonly Entry[]> {
  await loadValidator();
  const read: Entry[] = [];
  for (const [name, { kind: named, ...fields }] of Object.entries(channels)) {
    const kind = typeof named === "string" ? named : name;
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/.test(name)) {
      wrong([name], "the name of a channel has 1 to 64 letters, digits, - and _");
    }
    try {
      const adapter = await adapterOf(kind);
      const rest = await withAgentIds(fields, async () => someAgent);
      const input = channelOf({ name, agent: someAgent, fields: withoutEmpty(rest) }, adapter);
      const { settings, secrets, ...common } = input;
      const faults = [
        ...validateAll(adapter.settings, { ...settings, ...secrets }),
        ...validateAll(channelInput as unknown as TSchema, { ...common, agent: someAgent }),
      ];
      for (const { pointer, message } of faults) wrong([name, ...pathOf(pointer)], message);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      const pointer = String(error.details?.["pointer"] ?? "");
      wrong([name, ...pathOf(pointer)], error.message);
    }
    read.push({ name, kind, fields });
  }
  return read;
}

/** What is wrong with the channels of a troupe.yaml, which say who answers and may say for which tenant. */
export async function faultsOf(channels: NamedEntries): Promise<readonly EntryFault[]> {
  const faults: EntryFault[] = [];
  const wrong = (path: Path, said: string): void => void faults.push({ path, said });
  const rest: Record<string, EntryFields> = {};
  for (const [name, { tenant, ...fields }] of Object.entries(channels)) {
    const { agent } = fields;
    if (typeof agent !== "string" || agent === "") {
      wrong([name, "agent"], "the id or the name of who answers is missing");
    }
    if (tenant != null && !(typeof tenant === "string" && /^tn_[a-z0-9]{1,61}$/.test(tenant))) {
      wrong([name, "tenant"], "expected the id of a tenant, tn_...");
    }
    rest[name] = fields;
  }
  await readEntries(rest, wrong);
  return faults;
}

/** What is empty in a file is not said. */
export function withoutEmpty(fields: EntryFields): EntryFields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null));
}
