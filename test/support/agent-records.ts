// Records of an agent and a sub-agent in which everything is left unset.

import type { Agent } from "../../actors/records/agent.ts";
import type { SubAgent } from "../../actors/records/sub-agent.ts";

const times = {
  created_at: "2026-01-01T00:00:00.000Z",
  updated_at: "2026-01-01T00:00:00.000Z",
} as const;

/** A stored agent. */
export const emptyAgent: Agent = {
  agent_key: "ag_1",
  name: "Desk",
  description: null,
  agent_type: "supervisor",
  system_message: null,
  prompt_id: null,
  prompt_version: null,
  prompt_variables: null,
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
  agent_config: null,
  examples: null,
  required_parameters: null,
  graph_definition: null,
  state_schema: null,
  entry_node: null,
  memory: null,
  tools: null,
  skills: null,
  guardrails: null,
  engine: null,
  target: null,
  constraints: null,
  version: 1,
  ...times,
};

/** A stored sub-agent of it. */
export const emptySubAgent: SubAgent = {
  sub_agent_key: "sa_a",
  agent_key: "ag_1",
  name: "Billing",
  description: null,
  trigger: null,
  priority: 100,
  action: null,
  model_name: null,
  temperature: null,
  output_schema: null,
  use_rag: false,
  collection_key: null,
  is_active: true,
  tools: null,
  ...times,
};
