// What guardrails are made with, loaded by the first chain. Checking itself waits for nothing.

import { loadSchemas } from "../answer/output-schema.ts";

type Phones = typeof import("libphonenumber-js/min");
type Patterns = typeof import("re2js");

let phones: Phones | undefined;
let patterns: Patterns | undefined;

/** Loads what chains are compiled with. Awaited once before that. `hasSchemas`: those too. */
export async function loadGuardLibraries(hasSchemas = false): Promise<void> {
  if (hasSchemas) await loadSchemas();
  if (phones !== undefined && patterns !== undefined) return;
  [phones, patterns] = await Promise.all([import("libphonenumber-js/min"), import("re2js")]);
}

/** Google's phone numbers. */
export function phoneLibrary(): Phones {
  if (phones === undefined) throw new Error("loadGuardLibraries was not awaited.");
  return phones;
}

/** RE2: linear in the text whatever the pattern. */
export function patternLibrary(): Patterns {
  if (patterns === undefined) throw new Error("loadGuardLibraries was not awaited.");
  return patterns;
}
