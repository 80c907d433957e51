// Document 001's surface: fourteen endpoints under /v1/proxy.

import type { Route } from "../route.ts";
import type { Services } from "../services/services.ts";
import { agentRoutes } from "./agents.ts";
import { chatRoutes } from "./chat.ts";
import { conversationRoutes } from "./conversations.ts";
import { subAgentRoutes } from "./sub-agents.ts";

/** All routes of the surface. */
export function proxyRoutes(services: Services): readonly Route[] {
  return [
    ...agentRoutes(services),
    ...subAgentRoutes(services),
    ...chatRoutes(services),
    ...conversationRoutes(services),
  ];
}
