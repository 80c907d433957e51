// What a team must be beside its schema, and whom it names.

import type { ResourceRow } from "../../../actors/records/resource.ts";
import { type TeamInput, teamKind } from "../../../actors/records/team.ts";
import { checkTeam } from "../../../actors/team/check.ts";
import { checkRules } from "../services/agent-checks.ts";
import { toolTypeOf } from "./node-refs.ts";
import { checkExists, type ResourceRules } from "./resource-rules.ts";

/** Rules of teams. */
export const teamRules: ResourceRules<TeamInput> = {
  async check(input, place) {
    await checkRules(input.guardrails ?? null);
    await checkTeam(input, {
      id: place.id,
      mustExist: (id, prefixes, pointer) => checkExists(place, id, { prefixes, pointer }),
      toolType: (id) => toolTypeOf(place, id),
      async team(id) {
        const row = await place.tables.get(place.tenant, teamKind.path, id);
        return (row?.value as ResourceRow<TeamInput> | undefined)?.record;
      },
    });
  },
  links: ({ leader, substitute, members }) =>
    Object.fromEntries([
      ...(leader ? [["leader", leader]] : []),
      ...(substitute ? [["substitute", substitute]] : []),
      ...members.map(({ agent }, at) => [`members/${at}`, agent]),
    ]),
};
