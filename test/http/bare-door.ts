// A door without a server before it and a system behind it: whoever comes is the tenant its key says.

import { createDoor, type Door } from "../../adapters/http/door.ts";
import { WorkGate } from "../../adapters/http/gate/work-gate.ts";
import { createOriginRules } from "../../adapters/http/origin.ts";
import { createRateLimiter } from "../../adapters/http/rate.ts";
import type { Principal, Route } from "../../adapters/http/route.ts";
import type { HttpRequest } from "../../adapters/http/server.ts";
import { memoryTables, tablesOnly } from "./memory-tables.ts";

const who = (request: Pick<HttpRequest, "header">): Principal => ({
  tenant: request.header("x-api-key") ?? "",
  keyId: null,
  isServer: false,
  role: "owner",
  allowedServices: ["*"],
  expiresAt: null,
  via: "key",
});

/** A gate of threads that have nothing to do. */
export function idleGate(): WorkGate {
  const nothing = { busy: 0, passMs: 0 };
  return new WorkGate({ load: () => ({ ...nothing, turns: nothing, cpu: 0 }) });
}

/** The door. @param gate default: one of threads that are idle. @param again proves who reads. */
export function bareDoor(
  routes: readonly Route[],
  gate = idleGate(),
  again = async (request: Pick<HttpRequest, "header">) => who(request),
): Door {
  return createDoor({
    routes,
    gate,
    system: tablesOnly(memoryTables()),
    authenticator: {
      addressOf: ({ peer }) => peer,
      known: who,
      again,
      authenticate: (request) => Promise.resolve(who(request)),
      authenticateKey: () => Promise.reject(new Error("Nobody says hello here.")),
    },
    origins: createOriginRules({ hosts: [], origins: [] }),
    rates: createRateLimiter({ perSecond: 10_000, burst: 10_000 }),
  });
}

/** A POST of a tenant. @param tenant "" for the operator. */
export function bareRequest(
  tenant: string,
  path: string,
  signal: AbortSignal = new AbortController().signal,
): HttpRequest {
  const headers: Readonly<Record<string, string>> = { host: "127.0.0.1", "x-api-key": tenant };
  return {
    id: "req_test",
    method: "POST",
    path,
    query: new URLSearchParams(),
    rawQuery: "",
    header: (name) => headers[name],
    headers: () => Object.entries(headers),
    peer: "127.0.0.1",
    signal,
    dismiss: () => undefined,
    body: () => Buffer.from("{}"),
  };
}
