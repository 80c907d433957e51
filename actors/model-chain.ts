// A model's name as records and settings have it: one name, or several with commas between them, of which
// each next one is asked when those before it cannot answer.

/** Most models of one chain. */
export const CHAIN_MAX = 5;
const COMMA = ",";
/** The built-in answerer, which has nothing to work from in place of a model. */
const BUILTIN = "builtin";

/** Whether the name says itself which model answers: it is neither the operator's default nor a chain. */
export function isOneModel(name: string): boolean {
  return name !== "" && !name.includes(COMMA);
}

/** The models of a name, in order; a name of one model is itself. */
export function modelsOfChain(name: string): readonly string[] {
  return name.includes(COMMA) ? name.split(COMMA).map((model) => model.trim()) : [name];
}

/** What is wrong with a name, as one sentence; undefined when nothing is. */
export function chainProblem(name: string): string | undefined {
  const models = modelsOfChain(name);
  if (models.length > CHAIN_MAX)
    return `At most ${CHAIN_MAX} models may be named; there are ${models.length}.`;
  if (models.length > 1 && models.includes("")) return "A name between commas is empty.";
  if (new Set(models).size < models.length) return "A model is named twice.";
  if (models.length > 1 && models.includes(BUILTIN)) {
    return "The built-in answerer cannot stand in for a model; it is named alone.";
  }
  return undefined;
}

/**
 * The figure for a model of those that are given by name or prefix, with the provider's name or without:
 * that of the longest that fits.
 */
export function figureOf<T>(figures: Readonly<Record<string, T>>, model: string): T | undefined {
  const bare = model.slice(model.indexOf("/") + 1);
  let best: { readonly chars: number; readonly figure: T } | undefined;
  for (const [prefix, figure] of Object.entries(figures)) {
    const fits = model.startsWith(prefix) || bare.startsWith(prefix);
    if (fits && prefix.length > (best?.chars ?? -1)) best = { chars: prefix.length, figure };
  }
  return best?.figure;
}
