// Stored records with nothing set but what a bench of the router needs.

import type { Agent } from "../actors/records/agent.ts";
import type { SubAgent } from "../actors/records/sub-agent.ts";

const AT = "2026-01-01T00:00:00Z";

/** A supervisor without settings. */
export function agentRecord(): Agent {
  return {
    ...{ agent_key: "ag_bench", name: "Supervisor", agent_type: "supervisor", version: 1 },
    ...{ description: null, system_message: null, model_name: null, temperature: null },
    ...{ prompt_id: null, prompt_version: null, prompt_variables: null },
    ...{ top_p: null, max_tokens: null, frequency_penalty: null, presence_penalty: null },
    ...{ response_format: null, requires_collection: null, collection_ids: null },
    ...{ response_language: null, pre_context_prompt: null, post_context_prompt: null },
    ...{ context_prompt: null, response_template: null, agent_config: null, examples: null },
    ...{ required_parameters: null, graph_definition: null, state_schema: null },
    ...{ entry_node: null, memory: null, tools: null, created_at: AT, updated_at: AT },
  };
}

/** A sub-agent `sa_<key>` with a trigger. */
export function subAgentRecord(
  key: string,
  name: string,
  trigger: NonNullable<SubAgent["trigger"]>,
): SubAgent {
  return {
    ...{ sub_agent_key: `sa_${key}`, agent_key: "ag_bench", name, trigger, priority: 100 },
    ...{ description: null, action: null, model_name: null, temperature: null },
    ...{ output_schema: null, use_rag: false, collection_key: null, is_active: true },
    ...{ created_at: AT, updated_at: AT },
  };
}
