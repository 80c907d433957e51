// Dead letters: messages that failed for good. They are listed, looked at, put back into their
// actor's inbox and removed. An owner has those of its tenant; the operator those of any.

import { RuntimeError } from "../../../runtime/errors.ts";
import type { DeadLetter } from "../../../runtime/system.ts";
import type { KeyStore } from "../keys.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageOf, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { common, shown, tenantOf } from "./common.ts";

/** `?tenant=` of the operator that means every tenant. */
const ALL = "*";
/** Between tenant and letter in a cursor over all tenants. */
const SEPARATOR = ":";
const KIND = /^[A-Za-z0-9_.~@-]{1,64}$/;

/** All routes of dead letters. */
export function deadLetterRoutes({ system }: Services, keys: KeyStore): readonly Route[] {
  return [
    defineRoute({
      ...common,
      method: "GET",
      pattern: "/admin/dead-letters",
      role: "owner",
      handler: async (context) => {
        const { query, principal } = context;
        const named = query.get("tenant");
        const isAll = named === ALL && principal.role === "admin";
        const tenant = isAll ? null : await tenantOf(keys, context, named);
        const { limit, after } = pageRequest(query);
        const rows = await system.deadLetters(tenant, {
          limit: limit + 1,
          ...kindOf(query),
          ...(after === undefined ? {} : { after: after.replace(SEPARATOR, "/") }),
        });
        const id = (row: DeadLetter): string =>
          isAll ? `${row.tenant}${SEPARATOR}${row.id}` : row.id;
        return shown(pageOf(rows, limit, { id, item: summaryOf }));
      },
    }),
    defineRoute({
      ...common,
      method: "GET",
      pattern: "/admin/dead-letters/{dl}",
      role: "owner",
      handler: async (context) => {
        const id = context.params["dl"] ?? "";
        const tenant = await tenantOf(keys, context, context.query.get("tenant"));
        const letter = await system.deadLetter(tenant, id);
        if (letter === undefined) {
          throw new RuntimeError("NOT_FOUND", `There is no dead letter ${id.slice(0, 64)}.`);
        }
        return json(200, letterOf(letter));
      },
    }),
    defineRoute({
      ...common,
      method: "POST",
      pattern: "/admin/dead-letters/{dl}/replay",
      role: "owner",
      handler: async (context) => {
        const id = context.params["dl"] ?? "";
        const tenant = await tenantOf(keys, context, context.query.get("tenant"));
        await system.replayLetter(tenant, id);
        return json(200, { id, tenant, replayed: true });
      },
    }),
    defineRoute({
      ...common,
      method: "DELETE",
      pattern: "/admin/dead-letters/{dl}",
      role: "owner",
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

const timeOf = (ms: number): string => new Date(ms).toISOString();

/** What a list shows of a letter: everything but the message, the stack and the history. */
function summaryOf({
  id,
  at,
  tenant,
  kind,
  to,
  from,
  failures,
  replays,
  error,
  ...more
}: DeadLetter) {
  const { trace = null, ask = null } = more;
  return { id, at: timeOf(at), tenant, kind, to, from, failures, replays, error, trace, ask };
}

function letterOf(letter: DeadLetter) {
  const { message, stack = [], history } = letter;
  const earlier = history.map((one) => ({ ...one, at: timeOf(one.at) }));
  return { ...summaryOf(letter), message, stack, history: earlier };
}
