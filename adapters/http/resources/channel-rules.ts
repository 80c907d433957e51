// What a channel must be beside its schema: its kind is known, its adapter takes its settings and secrets,
// its hours and lists can be read, and whom it has answer exists.

import type { ChannelInput } from "../../../actors/channels/channel.ts";
import { systemTenant } from "../../../actors/records/api-key.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import type { ChannelKinds } from "../../channels/check.ts";
import { CONFIGURED_BY, type ConfiguredMark, channelTables } from "../../channels/tables.ts";
import type { Caller } from "../services/agent-store.ts";
import {
  checkExists,
  checkSecretsGiven,
  type ResourceRules,
  type RulePlace,
} from "./resource-rules.ts";

const answering = ["ag", "tm", "wf"] as const;

/** Rules of channels. @param known what they may name; default what comes with the server. */
export function channelRules(known?: ChannelKinds): ResourceRules<ChannelInput> {
  return {
    async check(input, place) {
      // Adapters load with the first channel.
      const { checkChannel } = await import("../../channels/check.ts");
      await checkChannel(input, known);
      await checkNamed(input, place);
    },
    links: ({ agent, agents = {} }) => {
      const others = Object.entries(agents).map(([name, id]) => [`agents/${name}`, id]);
      return Object.fromEntries([["agent", agent], ...others]);
    },
  };
}

/** @throws INVALID with the pointer of a secret that says nothing, or of whoever is to answer and is not there. */
export async function checkNamed(
  { secrets, agent, agents = {} }: ChannelInput,
  place: Pick<RulePlace, "tables" | "tenant">,
): Promise<void> {
  checkSecretsGiven(secrets);
  await checkExists(place, agent, { prefixes: answering, pointer: "/agent" });
  for (const [name, id] of Object.entries(agents)) {
    await checkExists(place, id, { prefixes: answering, pointer: `/agents/${name}` });
  }
}

/** @throws CONFLICT for a channel that the server's configuration keeps, unless it is that which changes it. */
export async function refuseConfigured(
  tables: Pick<Tables, "get">,
  { tenant, service }: Caller,
  id: string,
): Promise<void> {
  if (service === CONFIGURED_BY) return;
  const row = await tables.get(systemTenant, channelTables.configured, id);
  const mark = row?.value as ConfiguredMark | undefined;
  if (mark?.tenant !== tenant) return;
  const message = `Channel ${id} is kept by the server's configuration: it is changed in troupe.yaml, under channels.${mark.name}.`;
  throw new RuntimeError("CONFLICT", message);
}
