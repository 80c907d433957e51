// The platform's own surface: plain resources under /v2.

import { gatewayRoutes } from "../gateway/routes.ts";
import { orchestratorRoutes } from "../orchestrator/routes.ts";
import { promptRoutes } from "../resources/prompt-routes.ts";
import { kindRoutes } from "../resources/resource-routes.ts";
import type { Route } from "../route.ts";
import type { Services } from "../services/services.ts";
import { agentLogsRoute } from "./agent-logs.ts";
import { agentRoutes } from "./agents.ts";
import { approvalRoutes } from "./approvals.ts";
import { channelOutboxRoutes } from "./channel-deliveries.ts";
import { channelParkedRoutes } from "./channel-parked.ts";
import { channelPeopleRoutes } from "./channel-people.ts";
import { channelRoutes } from "./channels.ts";
import { checkpointsRoute } from "./checkpoints.ts";
import { connectPages } from "./connect-pages.ts";
import { conversationRoutes } from "./conversations.ts";
import { datasetItemRoutes } from "./dataset-items.ts";
import { evaluationRoutes } from "./evaluations.ts";
import { flowRoutes } from "./flows.ts";
import { gatewayClaimRoutes } from "./gateways.ts";
import { guardrailRoutes } from "./guardrails.ts";
import { historyRoute } from "./history.ts";
import { hookRoute } from "./hooks.ts";
import { knowledgeRoutes } from "./knowledge.ts";
import { memoryRoutes } from "./memories.ts";
import { packRoutes } from "./packs.ts";
import { recordRoute } from "./record.ts";
import { dryRunRoute } from "./route.ts";
import { runAgainRoutes } from "./run-again.ts";
import { runRoutes } from "./runs.ts";
import { skillRoutes } from "./skills.ts";
import { targetRoutes } from "./targets.ts";
import { tokenRoutes } from "./tokens.ts";
import { traceRoute } from "./trace.ts";
import { tracesRoutes } from "./traces.ts";
import { triggerRoutes } from "./triggers.ts";
import { versionRoutes } from "./versions.ts";
import { webhookRoutes } from "./webhooks.ts";

/** All routes of the surface. A parameter that none of them reads would be a filter left out in silence. */
export function platformRoutes(services: Services): readonly Route[] {
  const routes = [
    ...agentRoutes(services),
    ...versionRoutes(services),
    dryRunRoute(services),
    ...runRoutes(services),
    ...runAgainRoutes(services),
    traceRoute(services),
    ...tracesRoutes(services),
    agentLogsRoute(services),
    ...flowRoutes(services),
    checkpointsRoute(services),
    ...tokenRoutes(services),
    ...connectPages(services),
    ...webhookRoutes(services),
    ...guardrailRoutes(services),
    recordRoute(services),
    ...conversationRoutes(services),
    ...approvalRoutes(services),
    ...knowledgeRoutes(services),
    ...memoryRoutes(services),
    ...datasetItemRoutes(services),
    ...evaluationRoutes(services),
    historyRoute(services),
    ...kindRoutes(services.resources),
    ...channelRoutes(services),
    ...channelOutboxRoutes(services),
    ...channelParkedRoutes(services),
    ...triggerRoutes(services),
    ...targetRoutes(services),
    ...orchestratorRoutes(services),
    ...channelPeopleRoutes(services),
    ...gatewayClaimRoutes(services),
    ...promptRoutes(services),
    ...skillRoutes(services),
    ...packRoutes(services),
  ];
  // What platforms and other programs add to an address is theirs.
  const delivered = [hookRoute(services), ...gatewayRoutes(services.gateway)];
  return [...routes.map((route) => ({ query: [], ...route })), ...delivered];
}
