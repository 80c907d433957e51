// Skills as a kind of resource. Apart from the record, which agents name.

import type { ResourceKind } from "./resource.ts";
import { type SkillInput, skillInput, skillLimits } from "./skill.ts";

/** Skills, `sk_...` under /v2/skills. */
export const skillKind: ResourceKind<SkillInput> = {
  name: "skill",
  path: "skills",
  prefix: "sk",
  input: skillInput,
  searched: ["name", "description"],
  filters: ["name"],
  sorts: ["name"],
  max: skillLimits.records,
};
