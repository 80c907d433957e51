// The front door with nothing behind it: our server, routes, keys, limits and gate, and one route that
// answers a constant of as many bytes as `?bytes=` says. Prints the port and the key.

import { createAuthenticator } from "../../adapters/http/auth.ts";
import { createDoor } from "../../adapters/http/door.ts";
import { WorkGate } from "../../adapters/http/gate/work-gate.ts";
import { createGuesses } from "../../adapters/http/guesses.ts";
import { createKeyStore } from "../../adapters/http/keys.ts";
import { chooseListen } from "../../adapters/http/listen-any.ts";
import { createOriginRules } from "../../adapters/http/origin.ts";
import { createRateLimiter } from "../../adapters/http/rate.ts";
import { jsonText } from "../../adapters/http/reply.ts";
import { defineRoute } from "../../adapters/http/route.ts";
import { createSessions } from "../../adapters/http/sessions.ts";
import type { System, TableRow, Tables } from "../../runtime/system.ts";

const limits = {
  ...{ bodyBytesMax: 1_048_576, headerBytesMax: 16_384, connectionsMax: 10_000 },
  ...{
    connectionsPerAddressMax: 10_000,
    unsentBytesMax: 2 ** 28,
    unsentBytesPerAddressMax: 2 ** 28,
  },
  ...{ bodyTimeoutMs: 30_000, slowReaderMs: 30_000, sendBufferBytesMax: 1_048_576 },
  socketMessageBytesMax: 1_048_576,
};

/** Rows in memory: keys are looked up once and remembered, as in the server. */
function memoryTables(): Tables {
  const rows = new Map<string, TableRow>();
  return {
    get: async (tenant, table, id) => rows.get(`${tenant}/${table}/${id}`),
    list: async () => [],
    counter: async () => 0,
    write: async (tenant, writes) => {
      for (const write of writes) {
        if (write.type !== "put" && write.type !== "put-if") continue;
        const { table, id, value } = write;
        rows.set(`${tenant}/${table}/${id}`, { id, value, revision: "1" });
      }
      return { counters: {} };
    },
  };
}

const idle = { busy: 0, passMs: 0 };
const tables = memoryTables();
const bodies = new Map<string, Buffer>();
const constant = defineRoute({
  method: "GET",
  pattern: "/constant/{bytes}",
  service: "constant",
  errors: "problem",
  query: ["limit"],
  handler: ({ params }) => {
    const bytes = params["bytes"] ?? "2";
    const body = bodies.get(bytes) ?? Buffer.from(JSON.stringify("x".repeat(Number(bytes) - 2)));
    bodies.set(bytes, body);
    return { ...jsonText(200, "", { ETag: '"1"' }), body };
  },
});
const keys = createKeyStore({ tables, services: [constant.service] });
const { id: tenant } = await keys.createTenant({ name: "Bench" });
const { key } = await keys.createKey(tenant, {
  name: "bench",
  role: "owner",
  allowed_services: ["*"],
});
const door = createDoor({
  routes: [constant],
  // The route asks nothing of it.
  system: { tables } as System,
  gate: new WorkGate({ load: () => ({ ...idle, turns: idle, cpu: 0 }) }),
  authenticator: createAuthenticator({
    ...{ keys, sessions: createSessions(60_000), guesses: createGuesses(1_000) },
    ...{ adminKey: "bench-admin-key-0123456789", adminTenant: "tn_default" },
  }),
  origins: createOriginRules({ hosts: [], origins: [] }),
  rates: createRateLimiter({ perSecond: 10_000_000, burst: 10_000_000 }),
});
const { listen } = await chooseListen(limits.headerBytesMax);
const server = await listen({ host: "127.0.0.1", port: 0, limits, door });
console.log(JSON.stringify({ port: server.port, key }));
