// The tool handoff: the rest of the turn is another's, a sub-agent's or an agent's, which sees the
// conversation and speaks to the user itself (actors/follow-handoff.ts).

import { Type } from "../schema.ts";
import { argumentsSchema, type ToolType } from "./tool-type.ts";

/** Type `handoff`. */
export const handoffTool: ToolType = {
  type: "handoff",
  config: Type.Object(
    { to: Type.String({ pattern: "^(ag|sa)_[A-Za-z0-9]{1,61}$" }) },
    { additionalProperties: false },
  ),
  needs: ["execute"],
  describe: ({ to }, names) =>
    `Hands the conversation over to ${names.get(String(to)) ?? "somebody else"}, who answers the user ` +
    "instead of you from here on. Call nothing else with it.",
  parameters: () =>
    argumentsSchema([], {
      reason: { type: "string", maxLength: 1_000, description: "For whoever takes over." },
    }),
  make: ({ to }, { names, owner }) => ({
    target: { by: owner, to: String(to), name: names.get(String(to)) ?? String(to) },
  }),
};
