// What a key that is limited to some records (`allowed_resources`) asks for, looked at before a route's
// handler is called. What is not reached is answered as what is not there: the check itself answers both,
// so that the two cannot be told apart.

import {
  kindOfId,
  type ResourceKindName,
  reachesAll,
} from "../../../actors/records/resource-scope.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { parseFrameId } from "../../../runtime/frame.ts";
import { targetOfModel } from "../openai/model.ts";
import { placeOfItem, runOfResponse } from "../openai/responses/ids.ts";
import type { RouteContext } from "../route.ts";
import { checkMentions, titles } from "./mentions.ts";
import {
  belongsTo,
  ownersOfApproval,
  ownersOfConversation,
  ownersOfEvaluation,
  ownersOfJob,
  ownersOfRun,
  runIsReached,
} from "./owners.ts";
import { type Named, type RouteReach, reachOf } from "./route-reach.ts";
import { checkSpeaker, isOfUser } from "./speaker.ts";

type Context = RouteContext<unknown>;

/**
 * Looks at what a request names.
 * @throws FORBIDDEN for a route that is closed to such keys, or makes what is beyond; NOT_FOUND for what is
 *   not reached or not there; INVALID with the pointer where a record would come to name such.
 */
export async function checkScope(context: Context): Promise<void> {
  const reach = reachOf(context.route);
  if (context.principal.allowedResources != null) checkRoute(context, reach);
  const body = isObject(context.body) ? context.body : {};
  await checkAll(context, reach ?? {}, body);
  const { allowedResources, boundTo } = context.principal;
  if (allowedResources != null && reach?.mentions === true) await checkMentions(context, body);
  if (boundTo != null) checkSpeaker(context, boundTo, body);
}

/** @throws FORBIDDEN, INVALID. */
function checkRoute({ principal, query }: Context, reach: RouteReach | null): void {
  const { allowedResources: allowed } = principal;
  if (reach === null) {
    const message = "This is closed to keys that are limited by allowed_resources.";
    throw new RuntimeError("FORBIDDEN", message);
  }
  const { creates } = reach;
  if (creates !== undefined && !reachesAll(allowed, creates)) {
    const message = `The key reaches named ${creates} alone (allowed_resources), and makes none.`;
    throw new RuntimeError("FORBIDDEN", message);
  }
  for (const name of reach.needs ?? []) {
    if (query.get(name)) continue;
    const message = `A key that is limited by allowed_resources names ${name}.`;
    throw new RuntimeError("INVALID", message, { parameter: name });
  }
}

/** @throws NOT_FOUND for what is not reached, as for what is not there. */
async function checkAll(
  context: Context,
  reach: RouteReach,
  body: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { route, params, query, request } = context;
  for (const [name, named] of Object.entries(reach.path ?? {})) {
    await checkNamed(context, named, params[name]);
  }
  for (const [name, named] of Object.entries(reach.query ?? {})) {
    await checkNamed(context, named, query.get(name) || undefined);
  }
  for (const [name, named] of Object.entries(reach.body ?? {})) {
    await checkNamed(context, named, body[name] ?? undefined);
  }
  const after = route.reads?.includes("Last-Event-ID") ? request.header("last-event-id") : "";
  const cursor = after === undefined || after === "" ? null : parseFrameId(after);
  if (cursor !== null) await checkNamed(context, "run", cursor.run);
}

/** @throws NOT_FOUND for what is not reached, as for what is not there. */
async function checkNamed(context: Context, named: Named, value: unknown): Promise<void> {
  if (value === undefined) return;
  if (named === "items") return await checkItems(context, value);
  // What else a client may send there is refused by the schema of the body, or by the handler.
  if (typeof value !== "string") return;
  const { system, principal } = context;
  const { tenant, allowedResources: allowed, boundTo } = principal;
  const of = { system, tenant };
  if (boundTo != null && !(await isOfUser(of, { named, value, boundTo }))) {
    throw unknown(named, value);
  }
  if (allowed == null) return;
  const owners = await ownersOf(of, named, value);
  if (owners === "free" || belongsTo(allowed, owners)) return;
  throw unknown(named, value);
}

async function checkItems(context: Context, value: unknown): Promise<void> {
  if (!Array.isArray(value)) return;
  const { system, principal } = context;
  const of = { system, tenant: principal.tenant };
  for (const [at, item] of value.entries()) {
    if (!isObject(item) || typeof item["id"] !== "string") continue;
    if (item["type"] !== "item_reference" && (item["type"] !== undefined || "role" in item))
      continue;
    const id = item["id"];
    const run = placeOfItem(id)?.run;
    if (run !== undefined && (await runIsReached(of, principal, run))) continue;
    const pointer = `/input/${at}/id`;
    throw new RuntimeError("NOT_FOUND", `Item ${id.slice(0, 64)} is not stored.`, { pointer });
  }
}

/** Ids of the records that it belongs to; "free": it belongs to none, and the handler says what it is. */
async function ownersOf(
  of: Pick<Context, "system"> & { readonly tenant: string },
  named: Exclude<Named, "items">,
  value: string,
): Promise<readonly string[] | "free"> {
  switch (named) {
    case "model": {
      const target = targetOfModel(value);
      return target === null ? "free" : [target];
    }
    case "conversation":
      return await ownersOfConversation(of, value);
    case "run":
      return await ownersOfRun(of, value);
    case "approval":
      return await ownersOfApproval(of, value);
    case "response": {
      const run = runOfResponse(value);
      return run === null ? [] : await ownersOfRun(of, run);
    }
    case "job":
      return await ownersOfJob(of, value);
    case "evaluation":
      return await ownersOfEvaluation(of, value);
    default:
      return [value];
  }
}

const words: Readonly<Partial<Record<Named, string>>> = {
  conversation: "Conversation",
  run: "Run",
  approval: "Approval",
  response: "Response",
  job: "Ingestion job",
  evaluation: "Evaluation",
};

/** As the services say it of what is not there. */
function unknown(named: Named, value: string): RuntimeError {
  const id = named === "model" ? (targetOfModel(value) ?? value) : value;
  const kind = named in titles ? (named as ResourceKindName) : (kindOfId(id) ?? "agents");
  const title = words[named] ?? titles[kind];
  return new RuntimeError("NOT_FOUND", `${title} ${id.slice(0, 64)} does not exist.`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
