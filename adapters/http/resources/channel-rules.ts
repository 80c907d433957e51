// What a channel must be beside its schema: its kind is known, its adapter takes its settings and secrets,
// its hours and lists can be read, and whom it has answer exists.

import type { ChannelInput } from "../../../actors/channels/channel.ts";
import { HIDDEN } from "../../../actors/tools/secret-headers.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { ChannelKinds } from "../../channels/check.ts";
import { checkExists, type ResourceRules } from "./resource-rules.ts";

const answering = ["ag", "tm", "wf"] as const;

/** Rules of channels. @param known what they may name; default what comes with the server. */
export function channelRules(known?: ChannelKinds): ResourceRules<ChannelInput> {
  return {
    async check(input, place) {
      // Adapters load with the first channel.
      const { checkChannel } = await import("../../channels/check.ts");
      await checkChannel(input, known);
      for (const [name, secret] of Object.entries(input.secrets ?? {})) {
        if (secret !== HIDDEN) continue;
        const message = `"${HIDDEN}" keeps a secret that is stored, and there is none of this name.`;
        throw new RuntimeError("INVALID", message, { pointer: `/secrets/${name}` });
      }
      await checkExists(place, input.agent, { prefixes: answering, pointer: "/agent" });
      for (const [name, id] of Object.entries(input.agents ?? {})) {
        const pointer = `/agents/${name}`;
        await checkExists(place, id, { prefixes: answering, pointer });
      }
    },
    links: ({ agent, agents = {} }) => {
      const others = Object.entries(agents).map(([name, id]) => [`agents/${name}`, id]);
      return Object.fromEntries([["agent", agent], ...others]);
    },
  };
}
