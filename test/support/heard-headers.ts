// Listens to the headers that handlers read of those which a route has to state: each is noted, and one
// that the route does not state is a mistake.

import type { RequestHeader, Route, RouteContext } from "../../adapters/http/route.ts";

const stated: ReadonlyMap<string, RequestHeader> = new Map(
  (["Idempotency-Key", "If-Match", "Last-Event-ID", "X-Max-Spend"] as const).map((name) => [
    name.toLowerCase(),
    name,
  ]),
);

/** What was heard. */
export interface HeardHeaders {
  /** The routes, with handlers that are listened to. */
  readonly routes: readonly Route[];
  /** Headers that were read so far, by "METHOD /pattern". */
  readonly read: ReadonlyMap<string, ReadonlySet<RequestHeader>>;
  /** @throws Error naming the routes that have read what they do not state. */
  check(): void;
}

/** Listens to a table. */
export function listenToHeaders(routes: readonly Route[]): HeardHeaders {
  const read = new Map<string, Set<RequestHeader>>();
  const wrong = new Set<string>();
  const listened = routes.map((route): Route => {
    const name = `${route.method} ${route.pattern}`;
    const heard = new Set<RequestHeader>();
    read.set(name, heard);
    const note = (header: string): void => {
      const one = stated.get(header.toLowerCase());
      if (one === undefined) return;
      heard.add(one);
      if (!route.reads?.includes(one)) wrong.add(`${name} reads ${one}`);
    };
    const handler = route.handler as (context: RouteContext) => ReturnType<Route["handler"]>;
    return { ...route, handler: (context: RouteContext) => handler(contextOf(context, note)) };
  });
  return {
    routes: listened,
    read,
    check: () => {
      if (wrong.size > 0) throw new Error(`${[...wrong].join("; ")}, which is not stated.`);
    },
  };
}

function contextOf(context: RouteContext, note: (header: string) => void): RouteContext {
  const request = overlaid(context.request, {
    header: (name: string) => {
      note(name);
      return context.request.header(name);
    },
  });
  return overlaid(context, { request });
}

/** The object with some members in place of its own; the others are called on the object itself. */
function overlaid<T extends object>(target: T, own: Partial<T>): T {
  return new Proxy(target, {
    get: (of, name) => {
      if (name in own) return Reflect.get(own, name);
      const value: unknown = Reflect.get(of, name, of);
      return typeof value === "function" ? value.bind(of) : value;
    },
  });
}
