// What a WebSocket does, on the same services, scopes and rates as the HTTP routes.

import { createHash } from "node:crypto";
import { rootRunOf } from "../../runtime/frame.ts";
import type { System } from "../../runtime/system.ts";
import type { Authenticator } from "./auth.ts";
import { maxSpendOf } from "./max-spend.ts";
import { demandUse } from "./permissions.ts";
import type { RateLimiter } from "./rate.ts";
import type { Principal } from "./route.ts";
import type { ChatService } from "./services/chat.ts";
import type { SocketServices } from "./socket.ts";

/** Services whose names a key must have, as for the HTTP routes that do the same. */
const CHAT_SERVICE = "core-agent-chat";
const RUN_SERVICE = "runs";

/** What they stand on. */
export interface SocketParts {
  readonly system: System;
  readonly chat: ChatService;
  readonly authenticator: Authenticator;
  readonly rates: RateLimiter;
}

/** Makes them. */
export function createSocketServices(parts: SocketParts): SocketServices {
  const { system, chat, authenticator, rates } = parts;
  return {
    authenticateKey: (key, address) => authenticator.authenticateKey(key, address),
    proveKey: (key) =>
      authenticator.again({ peer: "", header: (name) => (name === "x-api-key" ? key : undefined) }),
    admit: (principal) => {
      rates.take(principal.keyId ?? `${principal.via}:admin`);
    },
    startChat: async function* (principal, params, { idempotencyKey, signal }) {
      demandUse(principal, CHAT_SERVICE, "runs.start");
      const { tenant, keyId, allowedResources = null, boundTo = null } = principal;
      const bodyHash = createHash("sha256").update(JSON.stringify(params)).digest("hex");
      const { accepted, frames } = await chat.start({
        caller: { tenant, keyId, service: CHAT_SERVICE, allowedResources, boundTo },
        once: idempotencyKey === null ? null : { key: idempotencyKey, bodyHash },
        signal,
        agent: params.agent_key,
        text: params.message,
        conversation: params.conversation_key ?? null,
        stream: true,
        limit: maxSpendOf(params.max_spend),
        ...(params.user_key === undefined ? {} : { user: params.user_key }),
        ...(params.on_busy === undefined ? {} : { onBusy: params.on_busy }),
        ...(params.on_disconnect === undefined ? {} : { onDisconnect: params.on_disconnect }),
      });
      yield [{ type: "accepted", reply: accepted, run: accepted.run }];
      yield* frames;
    },
    follow: async function* (principal, run, options) {
      demandUse(principal, RUN_SERVICE, "runs.read");
      await demandReached(system, principal, run);
      await chat.find(principal.tenant, run);
      yield* await chat.attach(principal.tenant, run, options);
    },
    cancel: async (principal, run, reason) => {
      demandUse(principal, RUN_SERVICE, "runs.control");
      await demandReached(system, principal, run);
      await chat.find(principal.tenant, run);
      await system.cancel(principal.tenant, rootRunOf(run), reason);
    },
    checkWatch: async (principal, { how, run }) => {
      if (how === "chat") demandUse(principal, CHAT_SERVICE, "runs.start");
      else demandUse(principal, RUN_SERVICE, "runs.read");
      await demandReached(system, principal, run);
    },
  };
}

/** @throws NOT_FOUND for a run that is not reached, as for one that is not there. */
async function demandReached(system: System, principal: Principal, run: string): Promise<void> {
  if (principal.allowedResources == null && principal.boundTo == null) return;
  const { demandRun } = await import("./scope/owners.ts");
  await demandRun({ system, tenant: principal.tenant }, principal, run);
}
