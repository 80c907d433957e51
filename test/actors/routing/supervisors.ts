// Supervisors as people write them: three sub-agents with keywords and a description, no examples.

import type { Agent } from "../../../actors/records/agent.ts";
import type { SubAgent } from "../../../actors/records/sub-agent.ts";
import { type CompiledRouter, compile } from "../../../actors/routing/router.ts";

/** A stored agent with these settings. */
export function agentOf(config: Agent["agent_config"] = null): Agent {
  return {
    agent_key: "ag_1",
    name: "Support Supervisor",
    description: null,
    agent_type: "supervisor",
    system_message: "You route questions to the right sub-agent.",
    model_name: null,
    temperature: null,
    top_p: null,
    max_tokens: null,
    frequency_penalty: null,
    presence_penalty: null,
    response_format: null,
    requires_collection: null,
    collection_ids: null,
    response_language: null,
    pre_context_prompt: null,
    post_context_prompt: null,
    context_prompt: null,
    response_template: null,
    agent_config: config,
    examples: null,
    required_parameters: null,
    graph_definition: null,
    state_schema: null,
    entry_node: null,
    version: 1,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
  };
}

/** A stored sub-agent with key `sa_<key>`. */
export function subAgentOf(
  key: string,
  name: string,
  trigger: SubAgent["trigger"],
  rest: Partial<SubAgent> = {},
): SubAgent {
  return {
    sub_agent_key: `sa_${key}`,
    agent_key: "ag_1",
    name,
    description: null,
    trigger,
    priority: 1,
    action: null,
    model_name: null,
    temperature: null,
    output_schema: null,
    use_rag: false,
    collection_key: null,
    is_active: true,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    ...rest,
  };
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
