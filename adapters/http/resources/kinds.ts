// The kinds of resources, a line each: its record and its rules. Service, routes, tables, lists,
// versions and the tests that every kind has to pass (test/http/resources) come with the line.

import { datasetKind } from "../../../actors/records/dataset.ts";
import { promptKind } from "../../../actors/records/prompt.ts";
import type { ResourceKind } from "../../../actors/records/resource.ts";
import { teamKind } from "../../../actors/records/team.ts";
import { toolKind } from "../../../actors/records/tool-kind.ts";
import { workflowKind } from "../../../actors/records/workflow.ts";
import { removalAddress } from "../../../actors/removal.ts";
import type { System } from "../../../runtime/system.ts";
import { agentListing } from "../services/agent-listing.ts";
import { createDatasetItems } from "../services/dataset-items.ts";
import { type RecordUser, refuseUsed } from "../services/record-links.ts";
import { toolRules } from "../services/tool-checks.ts";
import { promptRules } from "./prompt-rules.ts";
import type { ResourceRules } from "./resource-rules.ts";
import { createResourceService, type ResourceContext } from "./resource-service.ts";
import { teamRules } from "./team-rules.ts";
import { workflowRules } from "./workflow-rules.ts";

/** What they work with. */
interface StoredContext extends Omit<ResourceContext, "usersOf" | "system"> {
  readonly system: Pick<System, "tables" | "ask">;
}

/** The services of all kinds, the items of data sets, and which records name one. */
export function createResources(context: StoredContext) {
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
      remove: async (...[caller, id, ifMatch]: Parameters<typeof datasets.remove>) => {
        const { tenant } = caller;
        await datasets.get(tenant, id);
        // Looked at once more when it is removed: here before anything is begun.
        refuseUsed(`Dataset ${id}`, await usersOf(tenant, id), caller);
        // Its items are removed by a run, whatever dies from here on.
        await context.system.ask(removalAddress(tenant), { type: "dataset", id });
        // What is added at this moment is there before the run looks, or is refused.
        await items.alone(tenant, id, () => datasets.remove(caller, id, ifMatch));
      },
    },
  };
  async function usersOf(tenant: string, id: string): Promise<readonly RecordUser[]> {
    const listings = Object.values(resources).map(({ listing }) => listing);
    const records = await context.index.usersOf(tenant, [agentListing, ...listings], id);
    const { runningUsersOf } = await import("../services/running-evaluations.ts");
    return [...records, ...(await runningUsersOf(context.system.tables, tenant, id))];
  }
  return { kinds: resources, items, usersOf };
}

/** The services of all kinds, the items of data sets, and which records name one. */
export type Resources = ReturnType<typeof createResources>;
