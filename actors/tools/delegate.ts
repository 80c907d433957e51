// The tool delegate: another agent, or a team, as a tool. It does a task of its own in a child run, with
// its routing, tools and knowledge, and its answer comes back to the model that asked.

import { askTarget } from "../ask-target.ts";
import { Type } from "../schema.ts";
import { argumentsSchema, type ToolType } from "./tool-type.ts";

/** Type `delegate`. */
export const delegateTool: ToolType = {
  type: "delegate",
  config: Type.Object(
    { agent: Type.String({ pattern: "^(ag|tm)_[A-Za-z0-9]{1,61}$" }) },
    { additionalProperties: false },
  ),
  needs: ["execute"],
  describe: ({ agent }, names) =>
    `Gives a task to ${names.get(String(agent)) ?? "another agent"} and returns its answer. It knows nothing ` +
    "of this conversation: say everything that it needs.",
  parameters: () =>
    argumentsSchema(["task"], { task: { type: "string", minLength: 1, maxLength: 32_000 } }),
  make: ({ agent }, { context, input, meter }, { timeoutMs }) => ({
    async within({ arguments: given, key }) {
      const task = { text: String(given["task"]), show: false };
      const ask = { target: String(agent), of: input, task, timeoutMs };
      const { text, output, usage, sources } = await askTarget(context, key, ask, meter);
      return { result: { answer: output ?? text }, usage, sources };
    },
  }),
};
