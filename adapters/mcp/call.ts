// One HTTP request to /mcp as tools see it: who has sent it, whether the client is still there, and how
// fast it reads. Handlers of the SDK find it by the `authInfo` that the SDK hands through unchanged.

import type { AuthInfo } from "@modelcontextprotocol/server";
import type { AllowedResources } from "../../actors/records/resource-scope.ts";
import { maxSpendOfHeader, type SpendLimit } from "../http/max-spend.ts";
import { hasService } from "../http/permissions.ts";
import type { RouteContext } from "../http/route.ts";
import type { Caller } from "../http/services/agent-store.ts";
import { actingOf } from "../http/services/caller.ts";
import type { Session } from "./calls-under-way.ts";

/** A request, and the connection that it came by. */
export interface McpCall {
  readonly context: Pick<RouteContext, "request" | "principal" | "route" | "address">;
  readonly caller: Caller;
  /** Of the revisions before 2026-07-28: what the client was told to call its session; else null. */
  readonly session: Session | null;
  /** Whether the end of the connection means that the answer is not wanted, as 2026-07-28 says. */
  readonly isModern: boolean;
  /** Calls of tools in the request: more than one in a batch alone. */
  readonly calls: number;
  /** The header Idempotency-Key. */
  readonly retryKey: string | null;
  /** What a run that it begins may spend: the header X-Max-Spend. */
  readonly limit: SpendLimit;
  readonly flow: Flow;
}

/** Back-pressure between who writes the response and who would send one more notification. */
export class Flow {
  #drained: Promise<void> | null = null;

  /** Told by the writer: the client reads too slowly until then. */
  hold(drained: Promise<void>): void {
    this.#drained = drained;
  }

  /** Told by the writer: the client has caught up. */
  free(): void {
    this.#drained = null;
  }

  /** Resolves when the client can take more. */
  async ready(): Promise<void> {
    await this.#drained;
  }
}

const calls = new WeakMap<AuthInfo, McpCall>();

/** The form in which a call passes through the SDK. */
export function passOf(call: McpCall): AuthInfo {
  const { keyId, allowedServices } = call.context.principal;
  // The key itself is no business of tools.
  const pass: AuthInfo = { token: "", clientId: keyId ?? "admin", scopes: [...allowedServices] };
  calls.set(pass, call);
  return pass;
}

/** The call of a pass. */
export function callOf(pass: AuthInfo | undefined): McpCall {
  const call = pass === undefined ? undefined : calls.get(pass);
  if (call === undefined) throw new Error("This request did not come through the front door.");
  return call;
}

/** The call of a request. @throws INVALID for a header that cannot be. */
export function createCall(
  context: McpCall["context"],
  of: Pick<McpCall, "session" | "isModern" | "calls" | "retryKey">,
): McpCall {
  const limit = maxSpendOfHeader(context.request);
  return { context, caller: actingOf(context), ...of, limit, flow: new Flow() };
}

/** What the key reaches. */
export const allowedOf = ({ context }: McpCall): AllowedResources | null =>
  context.principal.allowedResources ?? null;

/** Whether the key may use a service besides. */
export function may({ context }: McpCall, service: string): boolean {
  return hasService(context.principal, service);
}
