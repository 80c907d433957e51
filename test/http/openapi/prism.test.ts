// Prism stands as a validating proxy before the server with the description that the server gives of
// itself, and every request of the matrix that succeeds goes through it: neither the request nor the
// answer may differ from what is described. Nor may the errors that every route has.

import { createServer as createProbe } from "node:http";
import type { AddressInfo } from "node:net";
import { createLogger } from "@stoplight/prism-core";
import { getHttpOperationsFromSpec } from "@stoplight/prism-http";
import { createServer } from "@stoplight/prism-http-server";
import { afterAll, describe, expect, test } from "vitest";
import { nameOf, type Row } from "../matrix/row.ts";
import { areas } from "../matrix/rows/all.ts";
import { startWorld, type Told } from "../matrix/world.ts";

const world = await startWorld();
const { routes, url } = world.host;
const proxy = await startProxy();
afterAll(async () => {
  await proxy.close();
  await world.stop();
});

interface Proxy {
  readonly url: string;
  close(): Promise<void>;
}

async function startProxy(): Promise<Proxy> {
  const { body } = await world.host.call("GET", "/openapi.json", undefined, { key: "" });
  const server = createServer(await getHttpOperationsFromSpec(body), {
    components: { logger: createLogger("prism", { level: "silent" }) },
    cors: false,
    config: {
      ...{ isProxy: true, upstream: new URL(url), errors: false },
      ...{ checkSecurity: false, validateRequest: false, validateResponse: true },
      ...{ mock: { dynamic: false }, upstreamProxy: undefined },
    },
  });
  const address = await server.listen(await freePort(), "127.0.0.1");
  return { url: address, close: () => server.close() };
}

/** Prism takes no 0. */
async function freePort(): Promise<number> {
  const probe = createProbe();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** What Prism has found in a request and its answer. */
function violations({ headers }: Told): readonly string[] {
  const text = headers.get("sl-violations");
  return text === null ? [] : [text];
}

const rows: Readonly<Record<string, Row>> = Object.assign({}, ...Object.values(areas));
const own = routes.flatMap((route) => {
  const row = rows[nameOf(route)];
  // Prism itself goes where a redirect leads.
  const isShown = row !== undefined && row.elsewhere === undefined && row.status < 300;
  return isShown ? [{ name: nameOf(route), route, row }] : [];
});

describe.each(own)("$name", ({ route, row }) => {
  test("answers as is described", async () => {
    const told = await world.send(route, await row.good(world), proxy.url);

    expect([told.status, violations(told)]).toEqual([row.status, []]);
  });

  if (route.isPublic) return;
  test("refuses as is described", async () => {
    const params = Object.fromEntries(
      [...route.pattern.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => [name, "none"]),
    );

    const told = await world.send(route, { params, key: "troupe_wrong" }, proxy.url);

    expect([told.status, violations(told)]).toEqual([401, []]);
  });
});
