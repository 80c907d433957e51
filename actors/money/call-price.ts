// What is said of an embedder or a re-ranker without a price, where a budget limits it.

import { RuntimeError } from "../../runtime/errors.ts";

/** PRICE_UNKNOWN. @param guess the listed name whose price it would have because its own begins so. */
export function unpriced(model: string, guess: string | null = null): RuntimeError {
  const text =
    guess === null
      ? `A budget limits this call, and there is no price for "${model}": set input_micros of it (of a re-ranker that counts searches, search_micros) under known_models in the configuration; 0 for one that costs nothing.`
      : `A budget limits this call, and "${model}" has a price only because its name begins with "${guess}", which may be another model's: list it under known_models, or set prices.variants to take.`;
  return new RuntimeError("PRICE_UNKNOWN", text, { model });
}
