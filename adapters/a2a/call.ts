// A request as the handler takes it: whom it is to, who asks, and in which version of the protocol.

import { traceOfRequest } from "../../actors/trace/trace-context.ts";
import { maxSpendOfHeader } from "../http/max-spend.ts";
import type { RouteContext } from "../http/route.ts";
import { actingOf } from "../http/services/caller.ts";
import type { Services } from "../http/services/services.ts";
import { baseOf } from "./card.ts";
import type { Call } from "./handler.ts";
import { onlyTarget, type Target, targetOf } from "./target.ts";

/** What of a route's context is read. */
export type Context = Pick<
  RouteContext,
  "principal" | "route" | "request" | "address" | "params" | "query"
>;

/** A request, and the version that its client speaks, which may be one that nobody knows. */
export interface Called {
  readonly call: Omit<Call, "version">;
  readonly version: string;
}

/** Of the agent that the path names. @throws NOT_FOUND. */
export async function callOf(services: Services, context: Context): Promise<Called> {
  const { principal, params } = context;
  return called(
    services,
    context,
    await targetOf(services, principal.tenant, params["agent"] ?? ""),
  );
}

/** Of the agent that the query names, else of the tenant's only one. @throws NOT_FOUND. */
export async function callOfAny(services: Services, context: Context): Promise<Called> {
  const { principal } = context;
  const id = context.query.get("agent");
  const target =
    id === null ? onlyTarget(services, principal) : targetOf(services, principal.tenant, id);
  return called(services, context, await target);
}

function called(services: Services, context: Context, target: Target): Called {
  const { request, principal } = context;
  const trace = traceOfRequest(request.header("traceparent"), request.id);
  const call = {
    ...{ services, target, principal, caller: actingOf(context), base: baseOf(request) },
    signal: request.signal,
    limit: () => maxSpendOfHeader(request),
    trace,
  };
  return { call, version: versionOf(context) };
}

/** Major and minor of the version; one that is not said is 0.3. */
function versionOf({ request, query }: Pick<Context, "request" | "query">): string {
  const given = (request.header("a2a-version") ?? query.get("A2A-Version") ?? "").trim();
  return /^\d+\.\d+/.exec(given)?.[0] ?? (given === "" ? "0.3" : given);
}
