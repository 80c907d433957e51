// What there is as model ids: `agent:ag_...` and `team:tm_...` answer, `embedder:...` gives vectors.

import { RuntimeError } from "../../../runtime/errors.ts";

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

/** The same of a request's `model`. @throws NOT_FOUND when it names none. */
export function targetOf(model: string): string {
  const target = targetOfModel(model);
  if (target !== null) return target;
  throw new RuntimeError(
    "NOT_FOUND",
    `The model ${model.slice(0, 80)} does not exist: models are agents, named agent:<agent_key>, and teams, named team:<id>.`,
    { pointer: "/model" },
  );
}

const EMBEDDER = "embedder:";

/** Model id of an embedder. */
export function modelOfEmbedder(name: string): string {
  return EMBEDDER + name;
}

/** The embedder that a model id names, or null when it names none. */
export function embedderOfModel(model: string): string | null {
  return model.startsWith(EMBEDDER) ? model.slice(EMBEDDER.length) : null;
}
