// What is done with a stored response: it is read, followed, cancelled, forgotten, its input listed.

import type { ForgetResponse } from "../../../../actors/records/response.ts";
import { RuntimeError } from "../../../../runtime/errors.ts";
import type { System } from "../../../../runtime/system.ts";
import { json } from "../../reply.ts";
import type { RouteContext } from "../../route.ts";
import type { HttpResponse } from "../../server.ts";
import type { Services } from "../../services/services.ts";
import { inputIdOf } from "./ids.ts";
import { responseLimits } from "./limits.ts";
import { stateOfRow } from "./state.ts";
import { findResponse, type StoredResponse } from "./stored.ts";
import { responseStream } from "./stream.ts";
import { responseView } from "./view.ts";

type Context = RouteContext<undefined>;

/** How long a cancel waits for the run's end, ms. A run is ended 5 s after its cancel at the latest. */
const CANCELLED_MS = 6_000;

/** Answers GET /v1/responses/{id}. */
export async function readResponse(services: Services, context: Context): Promise<HttpResponse> {
  const found = await foundIn(services, context);
  const { run, note, row } = found;
  if (!isStreamed(context.query)) return json(200, responseView(run, note, stateOfRow(row)));
  const after = numberIn(context.query);
  const { accepted } = await services.chat.find(context.principal.tenant, run);
  const { signal } = context.request;
  const frames = await services.chat.attach(context.principal.tenant, run, { signal });
  return responseStream(context, { accepted, frames }, { note, after });
}

/** Answers GET /v1/responses/{id}/input_items. */
export async function listInputItems(services: Services, context: Context): Promise<HttpResponse> {
  const { run, note } = await foundIn(services, context);
  const oldestFirst = note.items.map((item, at) => ({
    ...item,
    type: item["type"] ?? "message",
    id: inputIdOf(run, at, item["type"]),
  }));
  const { limit, isAscending, after } = pageOf(context.query);
  const all = isAscending ? oldestFirst : oldestFirst.reverse();
  const before = after === null ? -1 : all.findIndex(({ id }) => id === after);
  if (after !== null && before === -1) throw wrongParameter("after", "names no item");
  const data = all.slice(before + 1, before + 1 + limit);
  return json(200, {
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: before + 1 + data.length < all.length,
  });
}

/** Answers POST /v1/responses/{id}/cancel. */
export async function cancelResponse(services: Services, context: Context): Promise<HttpResponse> {
  const found = await foundIn(services, context);
  const { run, note, row } = found;
  const { tenant } = context.principal;
  if (row.endedAt !== null) return json(200, responseView(run, note, stateOfRow(row)));
  await cancelled(services.system, { tenant, run, signal: context.request.signal });
  const after = (await services.system.run(tenant, run)) ?? row;
  return json(200, responseView(run, note, stateOfRow(after)));
}

/** Cancels a run and waits for its end, which others may see before; not longer than CANCELLED_MS. */
async function cancelled(
  system: Pick<System, "cancel" | "follow">,
  {
    tenant,
    run,
    signal,
  }: { readonly tenant: string; readonly run: string; readonly signal: AbortSignal },
): Promise<void> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(CANCELLED_MS)]);
  try {
    await system.cancel(tenant, run, "cancelled by its client");
    for await (const batch of system.follow(tenant, run, { endOnly: true, signal: late })) {
      if (batch.at(-1)?.type === "end") return;
    }
  } catch (error) {
    // It ended by itself meanwhile, or takes longer: its row says how it stands.
    const isKnown =
      error instanceof RuntimeError && ["RUN_ENDED", "CANCELLED"].includes(error.code);
    if (!isKnown && !late.aborted) throw error;
  }
}

/** Answers DELETE /v1/responses/{id}. */
export async function deleteResponse(services: Services, context: Context): Promise<HttpResponse> {
  const { run, row } = await foundIn(services, context);
  const message: ForgetResponse = { type: "forget-response", run };
  await services.system.ask(row.parent, message);
  return json(200, { id: context.params["id"], object: "response", deleted: true });
}

async function foundIn(
  { system }: Services,
  { principal, params }: Context,
): Promise<StoredResponse> {
  return await findResponse(system, principal.tenant, params["id"] ?? "");
}

function isStreamed(query: URLSearchParams): boolean {
  const value = query.get("stream") ?? "false";
  if (value === "true" || value === "false") return value === "true";
  throw wrongParameter("stream", "is true or false");
}

function numberIn(query: URLSearchParams): number | null {
  const value = query.get("starting_after");
  if (value === null) return null;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw wrongParameter("starting_after", "is the sequence_number of an event");
}

function pageOf(query: URLSearchParams): {
  readonly limit: number;
  readonly isAscending: boolean;
  readonly after: string | null;
} {
  const limit = query.get("limit") ?? String(responseLimits.pageItemsDefault);
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > responseLimits.pageItems) {
    throw wrongParameter("limit", `is 1 to ${responseLimits.pageItems}`);
  }
  const order = query.get("order") ?? "desc";
  if (order !== "asc" && order !== "desc") throw wrongParameter("order", "is asc or desc");
  return { limit: Number(limit), isAscending: order === "asc", after: query.get("after") };
}

function wrongParameter(parameter: string, rule: string): RuntimeError {
  return new RuntimeError("INVALID", `${parameter} ${rule}.`, { parameter });
}
