// /v2/datasets/{id}/items: conversations with what is expected of the answer. Added one or many, as JSON,
// as a file of JSON lines, or from a run that was recorded; listed, changed, deleted.

import {
  datasetLimits,
  type ItemInput,
  itemInput,
  runItemInput,
} from "../../../actors/records/dataset.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { parseJson, readBody } from "../body.ts";
import { answers, nothing, pageOf } from "../openapi/responses.ts";
import { json, noContent } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import { callerOf } from "../services/caller.ts";
import type { DatasetItems, NewItem } from "../services/dataset-items.ts";
import { onceKeyOf } from "../services/once.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import {
  addedItems,
  itemBody,
  itemLines,
  itemSchema,
  itemsBody,
  itemView,
} from "./dataset-schemas.ts";
import { etag, ifMatchOf, pageReply } from "./shapes.ts";

const common = { service: "datasets", errors: "problem" } as const;
const path = "/v2/datasets/{id}/items";
const list = { ...common, pattern: path };
const one = { ...common, pattern: `${path}/{it}` };
const JSON_LINES = ["application/jsonl", "application/x-ndjson", "application/x-jsonlines"];
/** One item, several, or a run: which one it is, is known before it is checked. */
const anyBody = Type.Unknown();
const many = Type.Array(itemInput, { minItems: 1, maxItems: datasetLimits.itemsAtOnce });

type Params = RouteContext["params"];
const datasetOf = (params: Params): string => params["id"] ?? "";
const placeOf = ({ params, request }: Pick<RouteContext, "params" | "request">) => ({
  dataset: datasetOf(params),
  id: params["it"] ?? "",
  ifMatch: ifMatchOf(request),
});

/** Routes of items. */
export function datasetItemRoutes(services: Services): readonly Route[] {
  return [addRoute(services), listRoute(services), ...itemRoutes(services)];
}

function addRoute(services: Services): Route {
  const { items } = services;
  return defineRoute({
    summary: "Add items to a data set",
    description: `One item, an array of up to ${datasetLimits.itemsAtOnce}, or \`{run_id}\`: a recorded run with what was said before it, its answer as the text that is expected and who answered as the routing. As \`application/jsonl\` an item a line. All of them or none; 16 MiB in all.`,
    accepts: {
      "application/json": itemsBody,
      "application/jsonl": itemLines,
    },
    responses: answers(201, addedItems, "The item; of several `data` with all of them."),
    reads: ["Idempotency-Key"],
    ...list,
    method: "POST",
    body: "raw",
    handler: async (context) => {
      const { principal, params, request } = context;
      const dataset = datasetOf(params);
      const find = () => services.resources.kinds.datasets.get(principal.tenant, dataset);
      const { sent, isMany, bytes } = await readItems(services, context, find);
      const key = onceKeyOf(request, bytes);
      await find();
      const added = await items.add(callerOf(context), dataset, { items: sent, isMany }, key);
      const [only] = added;
      if (isMany || only === undefined) return json(201, { data: added.map(itemView) });
      const location = { Location: `/v2/datasets/${dataset}/items/${only.id}` };
      return json(201, itemView(only), { ...etag(only.version), ...location });
    },
  });
}

interface Sent {
  readonly sent: readonly NewItem[];
  readonly isMany: boolean;
  readonly bytes: Uint8Array;
}

/** @param find Whether the data set is there is said before whether a run is. */
async function readItems(
  services: Services,
  { principal, request }: Pick<RouteContext, "principal" | "request">,
  find: () => Promise<unknown>,
): Promise<Sent> {
  const bytesMax = datasetLimits.uploadBytes;
  const type = (request.header("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (JSON_LINES.includes(type)) {
    const bytes = await request.body(bytesMax);
    return { sent: linesOf(bytes), isMany: true, bytes };
  }
  const { value, bytes } = await readBody(request, {
    schema: anyBody,
    bytesMax,
    isOptional: false,
  });
  const { validate } = await import("../validate.ts");
  if (Array.isArray(value)) {
    validate(many, value);
    return { sent: value as readonly ItemInput[], isMany: true, bytes };
  }
  if (typeof value === "object" && value !== null && "run_id" in value) {
    validate(runItemInput, value);
    const { run_id, ...more } = value as Static<typeof runItemInput>;
    await find();
    const { demandRun } = await import("../scope/owners.ts");
    await demandRun({ system: services.system, tenant: principal.tenant }, principal, run_id);
    const { row } = await services.chat.find(principal.tenant, run_id);
    const { recordedItem } = await import("../services/recorded-item.ts");
    return { sent: [await recordedItem(services.system, row, more)], isMany: false, bytes };
  }
  validate(itemInput, value);
  return { sent: [value as ItemInput], isMany: false, bytes };
}

/** Items a line; empty lines are none. @throws BAD_JSON, INVALID with the line. */
function linesOf(bytes: Uint8Array): readonly ItemInput[] {
  const lines = Buffer.from(bytes).toString("utf8").split("\n");
  const items: ItemInput[] = [];
  for (const [at, line] of lines.entries()) {
    if (line.trim() === "") continue;
    if (items.length === datasetLimits.itemsAtOnce) {
      const message = `At most ${datasetLimits.itemsAtOnce} items are added at once.`;
      throw new RuntimeError("INVALID", message, { pointer: `/${items.length}` });
    }
    items.push(lineOf(line, at + 1));
  }
  if (items.length > 0) return items;
  throw new RuntimeError("INVALID", "The file has no items.", { pointer: "" });
}

function lineOf(line: string, number: number): ItemInput {
  try {
    return parseJson(Buffer.from(line)) as ItemInput;
  } catch (error) {
    throw error instanceof RuntimeError ? ofLine(number, error) : error;
  }
}

function ofLine(number: number, cause: RuntimeError): RuntimeError {
  const { code, message, details } = cause;
  return new RuntimeError(code, `Line ${number}: ${message}`, details, { cause });
}

function listRoute({ items, resources }: Services): Route {
  return defineRoute({
    summary: "List the items of a data set",
    description: "In the order in which they were added.",
    responses: answers(200, pageOf(itemSchema), "A page of items."),
    ...list,
    method: "GET",
    query: pageQuery,
    handler: async ({ principal, params, query }) => {
      const dataset = datasetOf(params);
      await resources.kinds.datasets.get(principal.tenant, dataset);
      const page = pageRequest(query, path);
      return pageReply(path, await items.list(principal.tenant, dataset, page), itemView);
    },
  });
}

function itemRoutes({ items }: Services): readonly Route[] {
  const shown = (item: Parameters<typeof itemView>[0]) =>
    json(200, itemView(item), etag(item.version));
  return [
    defineRoute({
      summary: "Read an item",
      description: "Unset fields are null.",
      responses: answers(200, itemSchema, "The item.", ["ETag"]),
      ...one,
      method: "GET",
      handler: async ({ principal, params }) => {
        const id = params["it"] ?? "";
        return shown(await items.get(principal.tenant, datasetOf(params), id));
      },
    }),
    ...(["PUT", "PATCH"] as const).map((method) => changeRoute(items, method)),
    defineRoute({
      summary: "Delete an item",
      description:
        "Evaluations keep it in their results; one that has not come to it leaves it out.",
      responses: nothing,
      reads: ["If-Match"],
      ...one,
      method: "DELETE",
      handler: async (context) => {
        await items.remove(context.principal.tenant, placeOf(context));
        return noContent();
      },
    }),
  ];
}

function changeRoute(items: DatasetItems, method: "PUT" | "PATCH"): Route {
  const isPut = method === "PUT";
  return defineRoute({
    summary: isPut ? "Replace an item" : "Change some fields of an item",
    description: isPut
      ? "What is not sent is unset. Where it was recorded from stays."
      : "A merge patch (RFC 7396): null unsets. Where the item was recorded from stays.",
    responses: answers(200, itemSchema, "The item.", ["ETag"]),
    reads: ["If-Match"],
    ...one,
    method,
    body: isPut ? itemBody : Type.Record(Type.String(), Type.Unknown()),
    handler: async (context) => {
      const way = isPut ? "replace" : "patch";
      const change = { way, fields: context.body as object } as const;
      const item = await items.change(context.principal.tenant, placeOf(context), change);
      return json(200, itemView(item), etag(item.version));
    },
  });
}
