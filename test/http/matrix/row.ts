// What a row of the matrix says of a route: the request that succeeds, and what the table of routes
// alone cannot tell of those that are refused. Everything else is made from the route itself.

import type { Route } from "../../../adapters/http/route.ts";
import type { Sent } from "./sent.ts";
import type { World } from "./world.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** A request that must be refused, and how. */
export interface Refusal {
  readonly what: string;
  /** Made of the request that succeeds. */
  readonly sent: (good: Sent, world: World) => Sent | Promise<Sent>;
  /** One of them. */
  readonly status: number | readonly number[];
  readonly code?: string;
  /** Where in the body; a `*` at the end stands for anything. */
  readonly pointer?: string;
  /** Which parameter of the query. */
  readonly parameter?: string;
}

/** Why a column has no case. */
export type Cannot = `cannot: ${string}`;

/** A route's row. */
export interface Row {
  /** Why the good request cannot succeed here, and which test has it succeed. */
  readonly elsewhere?: Cannot;
  /** Makes a request that succeeds, on records of its own. */
  readonly good: (world: World) => Sent | Promise<Sent>;
  readonly status: number;
  /** What the answer has: members of a JSON body, else a part of the text. */
  readonly shows?: Fields | RegExp;
  /** Wrong requests beside those made from the route. */
  readonly wrong?: readonly Refusal[];
  /** Refused because of how things stand, once the good request was answered. */
  readonly conflict?: readonly Refusal[] | Cannot;
  /** How another tenant's key is answered, unless it is as for an unknown id. */
  readonly foreign?: { readonly status: number; readonly shows: Fields } | Cannot;
  /** Parts of the path that need not be known before. */
  readonly free?: readonly string[];
  /** Unknown ids beside those of the path; default: each that the body names. */
  readonly missing?: readonly Refusal[];
}

/** Rows by "METHOD /pattern". */
export type Rows = Readonly<Record<string, Row>>;

/** Name of a route's row. */
export const nameOf = ({ method, pattern }: Route): string => `${method} ${pattern}`;

/** The good request once more: refused, since it has been answered. */
export function again(status: number, code: string, what = "the same once more"): Refusal {
  return { what, status, code, sent: (good) => good };
}

/** The good request with another body. */
export function withBody(
  what: string,
  change: Fields,
  refusal: Omit<Refusal, "what" | "sent">,
): Refusal {
  return {
    ...{ what, ...refusal },
    sent: (good) => ({ ...good, body: { ...(good.body as Fields), ...change } }),
  };
}

/** The good request with another query. */
export function withQuery(
  query: string,
  refusal: Partial<Omit<Refusal, "what" | "sent">>,
): Refusal {
  return { what: `?${query}`, status: 400, ...refusal, sent: (good) => ({ ...good, query }) };
}
