// The kinds of resources, a line each: its record and its rules. Service, routes, tables, lists,
// versions and the tests that every kind has to pass (test/http/resources) come with the line.

import { promptKind } from "../../../actors/records/prompt.ts";
import type { ResourceKind } from "../../../actors/records/resource.ts";
import { teamKind } from "../../../actors/records/team.ts";
import { toolKind } from "../../../actors/records/tool-kind.ts";
import { workflowKind } from "../../../actors/records/workflow.ts";
import { agentListing } from "../services/agent-listing.ts";
import type { IndexEntry } from "../services/record-index.ts";
import { toolRules } from "../services/tool-checks.ts";
import { promptRules } from "./prompt-rules.ts";
import type { ResourceRules } from "./resource-rules.ts";
import { createResourceService, type ResourceContext } from "./resource-service.ts";
import { teamRules } from "./team-rules.ts";
import { workflowRules } from "./workflow-rules.ts";

/** The services of all kinds, and which records name one. */
export function createResources(context: Omit<ResourceContext, "usersOf">) {
  const of = <Input extends object>(kind: ResourceKind<Input>, rules?: ResourceRules<Input>) =>
    createResourceService({ ...context, usersOf }, kind, rules);
  const resources = {
    prompts: of(promptKind, promptRules),
    teams: of(teamKind, teamRules),
    workflows: of(workflowKind, workflowRules),
    tools: of(toolKind, toolRules),
  };
  function usersOf(tenant: string, id: string): Promise<readonly IndexEntry[]> {
    const listings = Object.values(resources).map(({ listing }) => listing);
    return context.index.usersOf(tenant, [agentListing, ...listings], id);
  }
  return { kinds: resources, usersOf };
}

/** The services of all kinds, and which records name one. */
export type Resources = ReturnType<typeof createResources>;
