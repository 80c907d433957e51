// The kinds of resources, a line each: its record and its rules. Service, routes, tables, lists,
// versions and the tests that every kind has to pass (test/http/resources) come with the line.

import { channelKind } from "../../../actors/channels/channel.ts";
import { datasetKind } from "../../../actors/records/dataset.ts";
import { type EngineInput, engineKind } from "../../../actors/records/engine.ts";
import { promptKind } from "../../../actors/records/prompt.ts";
import type { ResourceKind } from "../../../actors/records/resource.ts";
import { type TargetInput, targetKind } from "../../../actors/records/target.ts";
import { teamKind } from "../../../actors/records/team.ts";
import { toolKind } from "../../../actors/records/tool-kind.ts";
import { triggerKind } from "../../../actors/records/trigger.ts";
import { workflowKind } from "../../../actors/records/workflow.ts";
import { removalAddress } from "../../../actors/removal.ts";
import type { System } from "../../../runtime/system.ts";
import type { ChannelKinds } from "../../channels/check.ts";
import { toldTriggers } from "../../triggers/told.ts";
import type { Watching } from "../../triggers/watching.ts";
import { agentListing } from "../services/agent-listing.ts";
import { createDatasetItems } from "../services/dataset-items.ts";
import { type RecordUser, refuseUsed } from "../services/record-links.ts";
import { toolRules } from "../services/tool-checks.ts";
import { channelRules, refuseConfigured } from "./channel-rules.ts";
import { engineRules, engineView, targetRules, targetView } from "./engine-rules.ts";
import { withGranted } from "./operator-records.ts";
import { withOwners } from "./orchestrated-rules.ts";
import { promptRules } from "./prompt-rules.ts";
import type { ResourceRules } from "./resource-rules.ts";
import {
  createResourceService,
  type ResourceContext,
  type ResourceService,
} from "./resource-service.ts";
import { teamRules } from "./team-rules.ts";
import { triggerRules } from "./trigger-rules.ts";
import { workflowRules } from "./workflow-rules.ts";

/** What they work with. */
interface StoredContext extends Omit<ResourceContext, "usersOf" | "system"> {
  readonly system: Pick<System, "tables" | "ask">;
  /** What channels may name. Default: what comes with the server. */
  readonly channelKinds?: ChannelKinds | undefined;
  /** Files that triggers watch. Default: none. */
  readonly watching?: Pick<Watching, "changed">;
  /** Told of a channel that was made, changed or removed. Default: nobody. */
  channelChanged?(tenant: string, id: string): Promise<void>;
}

/** The services of all kinds, the items of data sets, and which records name one. */
export function createResources(context: StoredContext) {
  const items = createDatasetItems(context);
  const of = <Input extends object>(kind: ResourceKind<Input>, rules?: ResourceRules<Input>) =>
    createResourceService({ ...context, usersOf }, kind, rules);
  const datasets = of(datasetKind);
  const { tables } = context.system;
  const granted = { tables, usersOf };
  const resources = {
    engines: withGranted<EngineInput>(of(engineKind, engineRules), granted, engineView),
    targets: withGranted<TargetInput>(of(targetKind, targetRules), granted, targetView),
    prompts: of(promptKind, promptRules),
    teams: of(teamKind, teamRules),
    workflows: of(workflowKind, workflowRules),
    tools: of(toolKind, toolRules),
    triggers: withOwners(
      toldTriggers(of(triggerKind, triggerRules), context),
      context.system.tables,
    ),
    channels: told(of(channelKind, channelRules(context.channelKinds)), context),
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

/** With whoever has to know of each change of a record; told when it is on disk. */
function told<Input extends object>(
  service: ResourceService<Input>,
  {
    channelChanged = async () => undefined,
    system,
  }: Pick<StoredContext, "channelChanged" | "system">,
): ResourceService<Input> {
  return {
    ...service,
    create: async (...of) => {
      const row = await service.create(...of);
      await channelChanged(of[0].tenant, row.record.id);
      return row;
    },
    replace: async (...of) => {
      await refuseConfigured(system.tables, of[0], of[1]);
      const row = await service.replace(...of);
      await channelChanged(of[0].tenant, of[1]);
      return row;
    },
    patch: async (...of) => {
      await refuseConfigured(system.tables, of[0], of[1]);
      const row = await service.patch(...of);
      await channelChanged(of[0].tenant, of[1]);
      return row;
    },
    remove: async (...of) => {
      const [{ tenant }, id] = of;
      await refuseConfigured(system.tables, of[0], id);
      await service.get(tenant, id);
      // Its sessions, deliveries and other rows are removed by a run, whatever dies from here on.
      await system.ask(removalAddress(tenant), { type: "channel", id });
      await service.remove(...of);
      await channelChanged(of[0].tenant, of[1]);
    },
    rollback: async (...of) => {
      await refuseConfigured(system.tables, of[0], of[1]);
      const row = await service.rollback(...of);
      await channelChanged(of[0].tenant, of[1]);
      return row;
    },
  };
}

/** The services of all kinds, the items of data sets, and which records name one. */
export type Resources = ReturnType<typeof createResources>;
