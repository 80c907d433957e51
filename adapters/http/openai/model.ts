// Agents as model ids: `agent:ag_...`.

const PREFIX = "agent:";

/** Model id of an agent. */
export function modelOfAgent(agentKey: string): string {
  return PREFIX + agentKey;
}

/** The agent a model id names, or null when it names none. */
export function agentOfModel(model: string): string | null {
  return model.startsWith(`${PREFIX}ag_`) ? model.slice(PREFIX.length) : null;
}
