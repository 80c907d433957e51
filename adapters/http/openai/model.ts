// What answers as model ids: `agent:ag_...`, `team:tm_...`.

const PREFIXES = ["agent:ag_", "team:tm_"] as const;

/** Model id of an agent or a team. */
export function modelOf(id: string): string {
  return id.startsWith("tm_") ? `team:${id}` : `agent:${id}`;
}

/** The agent or team that a model id names, or null when it names none. */
export function targetOfModel(model: string): string | null {
  const prefix = PREFIXES.find((one) => model.startsWith(one));
  return prefix === undefined ? null : model.slice(prefix.indexOf(":") + 1);
}
