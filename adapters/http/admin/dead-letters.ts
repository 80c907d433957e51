// Dead letters: messages that failed for good. They are listed, looked at, put back into their
// actor's inbox and removed. An owner has those of its tenant; the operator those of any.

import { traceparentIn } from "../../../actors/trace/trace-context.ts";
import { type ErrorData, RuntimeError } from "../../../runtime/errors.ts";
import type { DeadLetter, System } from "../../../runtime/system.ts";
import type { KeyStore } from "../keys.ts";
import { answers, pageOf as pageSchema } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageOf, pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { common, type Redact, scopeOf, shown, tenantOf, toTime } from "./common.ts";
import { letterDone, letterEntry, letterSchema } from "./schemas.ts";

const path = "/admin/dead-letters";
const KIND = /^[A-Za-z0-9_.~@-]{1,64}$/;

/** All routes of dead letters. */
export function deadLetterRoutes(
  { system }: Services,
  keys: KeyStore,
  redact: Redact,
): readonly Route[] {
  const clean = (error: ErrorData): ErrorData => ({ ...error, message: redact(error.message) });
  return [...readRoutes(system, keys, clean), ...changeRoutes(system, keys)];
}

function readRoutes(system: System, keys: KeyStore, clean: Clean): readonly Route[] {
  return [
    defineRoute({
      summary: "List messages that failed for good",
      description:
        "Newest first. A message becomes one when its actor has failed at it too often; the oldest are dropped past a limit of each tenant. The operator sees those of all tenants, one tenant after the other, or of the one it names.",
      responses: answers(
        200,
        pageSchema(letterEntry),
        "A page of letters, without their messages.",
      ),
      query: [...pageQuery, "kind", "tenant"],
      parameters: { kind: { description: "Kind of the actors that they are for." } },
      ...common,
      method: "GET",
      pattern: path,
      permission: "runtime.read",
      handler: async (context) => {
        const { query } = context;
        const tenant = await scopeOf(keys, context);
        const { limit, after } = pageRequest(query, path);
        const rows = await system.deadLetters(tenant, {
          limit: limit + 1,
          ...kindOf(query),
          ...(after === undefined ? {} : { after }),
        });
        const id = (row: DeadLetter): string =>
          tenant === null ? `${row.tenant}/${row.id}` : row.id;
        return shown(path, pageOf(rows, limit, { id, item: (row) => summaryOf(row, clean) }));
      },
    }),
    defineRoute({
      summary: "Read a dead letter",
      description:
        "With its message, which may hold what users have said, where its error was thrown, and its earlier failures.",
      responses: answers(200, letterSchema, "The letter."),
      query: ["tenant"],
      ...common,
      method: "GET",
      pattern: `${path}/{dl}`,
      permission: "runtime.read",
      handler: async (context) => {
        const id = context.params["dl"] ?? "";
        const tenant = await tenantOf(keys, context, context.query.get("tenant"));
        const letter = await system.deadLetter(tenant, id);
        if (letter === undefined) {
          throw new RuntimeError("NOT_FOUND", `There is no dead letter ${id.slice(0, 64)}.`);
        }
        return json(200, letterOf(letter, clean));
      },
    }),
  ];
}

function changeRoutes(system: System, keys: KeyStore): readonly Route[] {
  return [
    defineRoute({
      summary: "Put a dead letter back into its mailbox",
      description:
        "The letter is gone in the same transaction, so that it is done once. What it says is applied although its sender may have sent it again since. One that fails again comes back and goes on counting; when it was put back too often it is a 409.",
      responses: answers(200, letterDone("replayed"), "It is in the actor's inbox."),
      query: ["tenant"],
      ...common,
      method: "POST",
      pattern: `${path}/{dl}/replay`,
      permission: "runtime.repair",
      handler: async (context) => {
        const id = context.params["dl"] ?? "";
        const tenant = await tenantOf(keys, context, context.query.get("tenant"));
        await system.replayLetter(tenant, id);
        return json(200, { id, tenant, replayed: true });
      },
    }),
    defineRoute({
      summary: "Delete a dead letter",
      description: "Its message is lost. A second time it is a 404.",
      responses: answers(200, letterDone("deleted"), "It is gone."),
      query: ["tenant"],
      ...common,
      method: "DELETE",
      pattern: `${path}/{dl}`,
      permission: "runtime.repair",
      handler: async (context) => {
        const id = context.params["dl"] ?? "";
        const tenant = await tenantOf(keys, context, context.query.get("tenant"));
        await system.discardLetter(tenant, id);
        return json(200, { id, tenant, deleted: true });
      },
    }),
  ];
}

function kindOf(query: URLSearchParams): { readonly kind?: string } {
  const kind = query.get("kind");
  if (kind === null) return {};
  if (KIND.test(kind)) return { kind };
  throw new RuntimeError("INVALID", "kind is the kind of an actor.", { parameter: "kind" });
}

type Clean = (error: ErrorData) => ErrorData;

/** What a list shows of a letter: everything but the message, the stack and the history. */
function summaryOf(letter: DeadLetter, clean: Clean) {
  const { id, at, tenant, kind, to, from, failures, replays, trace: kept, ask = null } = letter;
  const trace = traceparentIn(kept ?? "") || null;
  const error = clean(letter.error);
  return { id, at: toTime(at), tenant, kind, to, from, failures, replays, error, trace, ask };
}

function letterOf(letter: DeadLetter, clean: Clean) {
  const { message, stack = [], history } = letter;
  const earlier = history.map(({ at, failures, error }) => ({
    ...{ at: toTime(at), failures },
    error: clean(error),
  }));
  return { ...summaryOf(letter, clean), message, stack, history: earlier };
}
