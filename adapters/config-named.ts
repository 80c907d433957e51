// Entries by name of a troupe.yaml, such as `channels`: variables in the place of their references, and what those
// say of them who know their fields. Loaded for a file that has some.

import type { EntryFault, ReadNamed } from "./config-field.ts";
import { filled } from "./references.ts";

/** Puts what entries mean in their place. @returns what is wrong with them. */
export async function readNamed(
  { field, entries }: ReadNamed,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly EntryFault[]> {
  const faults: EntryFault[] = [];
  for (const [name, entry] of Object.entries(entries)) {
    const meant = filled(entry, [name], env, (path, said) => faults.push({ path, said }));
    entries[name] = meant as Record<string, unknown>;
  }
  return faults.length > 0 ? faults : await field.check(entries);
}
