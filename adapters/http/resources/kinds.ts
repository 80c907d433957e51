// The kinds of resources, a line each: its record and its rules. Service, routes, tables, lists,
// versions and the tests that every kind has to pass (test/http/resources) come with the line.

import { datasetKind } from "../../../actors/records/dataset.ts";
import { promptKind } from "../../../actors/records/prompt.ts";
import type { ResourceKind } from "../../../actors/records/resource.ts";
import { teamKind } from "../../../actors/records/team.ts";
import { toolKind } from "../../../actors/records/tool-kind.ts";
import { workflowKind } from "../../../actors/records/workflow.ts";
import { agentListing } from "../services/agent-listing.ts";
import { createDatasetItems } from "../services/dataset-items.ts";
import type { IndexEntry } from "../services/record-index.ts";
import { toolRules } from "../services/tool-checks.ts";
import { promptRules } from "./prompt-rules.ts";
import type { ResourceRules } from "./resource-rules.ts";
import { createResourceService, type ResourceContext } from "./resource-service.ts";
import { teamRules } from "./team-rules.ts";
import { workflowRules } from "./workflow-rules.ts";

/** The services of all kinds, the items of data sets, and which records name one. */
export function createResources(context: Omit<ResourceContext, "usersOf">) {
  const items = createDatasetItems(context);
  const of = <Input extends object>(kind: ResourceKind<Input>, rules?: ResourceRules<Input>) =>
    createResourceService({ ...context, usersOf }, kind, rules);
  const datasets = of(datasetKind);
  const resources = {
    prompts: of(promptKind, promptRules),
    teams: of(teamKind, teamRules),
    workflows: of(workflowKind, workflowRules),
    tools: of(toolKind, toolRules),
    datasets: {
      ...datasets,
      remove: async (...from: Parameters<typeof datasets.remove>) => {
        await datasets.remove(...from);
        // Nobody finds them from here on, also when the process dies before they are gone.
        await items.removeAll(from[0].tenant, from[1]);
      },
    },
  };
  function usersOf(tenant: string, id: string): Promise<readonly IndexEntry[]> {
    const listings = Object.values(resources).map(({ listing }) => listing);
    return context.index.usersOf(tenant, [agentListing, ...listings], id);
  }
  return { kinds: resources, items, usersOf };
}

/** The services of all kinds, the items of data sets, and which records name one. */
export type Resources = ReturnType<typeof createResources>;
