// Versions that records name, in an export. A number says nothing where the pack is applied: what is in
// the pack is named instead, whatever version it is made as there. So it is the version that is exported,
// which is the newest; who names another one is refused.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Fields, Made } from "./kinds/kind.ts";

/** A record of the export, with its name in the pack. */
interface Pinnable {
  readonly name: string;
  readonly made: Made;
}

/** With `{ref: NAME}` for versions of prompts and skills. @throws CONFLICT for one that is not the newest. */
export function withPins(fields: Fields, taken: readonly Pinnable[]): Fields {
  const { prompt_id: prompt, prompt_version: version, skills, sub_agents: parts } = fields;
  return {
    ...fields,
    ...(version === undefined ? {} : { prompt_version: pinned(prompt, version, taken) }),
    ...(Array.isArray(skills) && { skills: skills.map((use: Fields) => pinnedUse(use, taken)) }),
    ...(Array.isArray(parts) && { sub_agents: parts.map((part: Fields) => withPins(part, taken)) }),
  };
}

/** Templates say versions of others as text, in which nothing can be named. @throws CONFLICT. */
export function refuseOtherPins(name: string, { template }: Fields): void {
  const [, said] = typeof template === "string" ? (PARTIAL.exec(template) ?? []) : [];
  if (said === undefined) return;
  const text = `The template of ${name} takes in ${said.trim()}, a version that is not elsewhere; let it take in the newest.`;
  throw new RuntimeError("CONFLICT", text);
}

const PARTIAL = /\{\{>\s*([^}]*@\d+)\s*\}\}/;

function pinnedUse(use: Fields, taken: readonly Pinnable[]): Fields {
  const { id, version } = use;
  return version === undefined ? use : { ...use, version: pinned(id, version, taken) };
}

function pinned(id: unknown, version: unknown, taken: readonly Pinnable[]): Fields {
  const found = taken.find(({ made }) => made.id === id);
  if (found !== undefined && found.made.version === version) return { ref: found.name };
  const text = `Version ${String(version)} of ${String(id)} is named, which is not the newest (${found?.made.version}): only that is exported.`;
  throw new RuntimeError("CONFLICT", text);
}
