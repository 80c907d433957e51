// The platform's own surface: plain resources under /v2.

import type { Route } from "../route.ts";
import type { Services } from "../services/services.ts";
import { agentRoutes } from "./agents.ts";
import { conversationRoutes } from "./conversations.ts";
import { historyRoute } from "./history.ts";
import { knowledgeRoutes } from "./knowledge.ts";
import { memoryRoutes } from "./memories.ts";
import { recordRoute } from "./record.ts";
import { dryRunRoute } from "./route.ts";
import { runRoutes } from "./runs.ts";
import { versionRoutes } from "./versions.ts";

/** All routes of the surface. */
export function platformRoutes(services: Services): readonly Route[] {
  return [
    ...agentRoutes(services),
    ...versionRoutes(services),
    dryRunRoute(services),
    ...runRoutes(services),
    recordRoute(services),
    ...conversationRoutes(services),
    ...knowledgeRoutes(services),
    ...memoryRoutes(services),
    historyRoute(services),
  ];
}
