// The kinds of records that packs have, in the order in which their sections are shown and made.

import { teamKind } from "../../../actors/records/team.ts";
import { toolKind } from "../../../actors/records/tool-kind.ts";
import { workflowKind } from "../../../actors/records/workflow.ts";
import { agentsKind } from "./agents.ts";
import { collectionsKind } from "./collections.ts";
import type { PackKind } from "./kind.ts";
import { promptsKind } from "./prompts.ts";
import { resourceKind } from "./resource.ts";
import { skillsKind } from "./skills.ts";

/** A line for each kind. */
export const packKinds: readonly PackKind[] = [
  collectionsKind,
  promptsKind,
  resourceKind(toolKind),
  skillsKind,
  agentsKind,
  resourceKind(teamKind),
  resourceKind(workflowKind),
];

/** The kind of a section. */
export function kindOf(section: string): PackKind | undefined {
  return packKinds.find((kind) => kind.section === section);
}
