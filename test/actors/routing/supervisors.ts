// Supervisors as people write them: three sub-agents with keywords and a description, no examples.

import type { Agent } from "../../../actors/records/agent.ts";
import type { SubAgent } from "../../../actors/records/sub-agent.ts";
import { compile } from "../../../actors/routing/compile.ts";
import type { CompiledRouter } from "../../../actors/routing/router.ts";
import { emptyAgent, emptySubAgent } from "../../support/agent-records.ts";

/** A stored agent with these settings. */
export function agentOf(config: Agent["agent_config"] = null): Agent {
  return {
    ...emptyAgent,
    name: "Support Supervisor",
    system_message: "You route questions to the right sub-agent.",
    model_name: null,
    agent_config: config,
  };
}

/** A stored sub-agent with key `sa_<key>`. */
export function subAgentOf(
  key: string,
  name: string,
  trigger: SubAgent["trigger"],
  rest: Partial<SubAgent> = {},
): SubAgent {
  return { ...emptySubAgent, sub_agent_key: `sa_${key}`, name, trigger, priority: 1, ...rest };
}

/** The sub-agents of a support desk. */
export const supportSubAgents: readonly SubAgent[] = [
  subAgentOf(
    "docs",
    "Docs Agent",
    {
      keywords: ["docs", "documentation", "how to", "feature", "product"],
      description: "Routes when the user asks about product behavior, features, or setup.",
    },
    { description: "Answers product questions from the docs collection.", use_rag: true },
  ),
  subAgentOf("billing", "Billing Agent", {
    keywords: ["invoice", "refund", "payment", "subscription", "billing"],
    description: "Routes when the user asks about invoices, refunds, charges or their plan.",
  }),
  subAgentOf("technical", "Technical Support", {
    keywords: ["error", "bug", "crash", "not working", "login"],
    description: "Troubleshoots errors, outages and problems signing in.",
  }),
];

/** The support desk, compiled. */
export function supportDesk(config: Agent["agent_config"] = null): CompiledRouter {
  return compile(agentOf(config), supportSubAgents);
}
