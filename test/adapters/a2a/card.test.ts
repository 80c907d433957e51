// Agent cards: who is shown one, in which version, and for how long it may be kept.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

const WELL_KNOWN = "/.well-known/agent-card.json";
const V1 = { "A2A-Version": "1.0" };

let host: HttpHost;
let agent = "";

beforeAll(async () => {
  host = await startHttpHost();
  const body = { name: "Desk", description: "Answers.", model_name: "m-1" };
  agent = (await host.call("POST", "/v2/agents", body)).body.id;
});
afterAll(() => host.stop());

const card = (path: string, headers: Record<string, string> = V1, key = host.key) =>
  fetch(host.url + path, { headers: { "X-API-Key": key, ...headers } });

test("a card leads to both bindings of 1.0 and to JSON-RPC of 0.3, and says how to be let in", async () => {
  const { body } = await host.call("GET", `/a2a/${agent}${WELL_KNOWN}`, undefined, { headers: V1 });

  const url = `${host.url}/a2a/${agent}`;
  expect(body).toMatchObject({
    ...{ name: "Desk", description: "Answers.", version: "1" },
    supportedInterfaces: [
      { url, protocolBinding: "JSONRPC", protocolVersion: "1.0" },
      { url, protocolBinding: "HTTP+JSON", protocolVersion: "1.0" },
      { url, protocolBinding: "JSONRPC", protocolVersion: "0.3" },
    ],
    capabilities: { streaming: true, pushNotifications: true, extendedAgentCard: true },
    securitySchemes: {
      bearer: { httpAuthSecurityScheme: { scheme: "Bearer" } },
      apiKey: { apiKeySecurityScheme: { location: "header", name: "X-API-Key" } },
    },
  });
});

test("who says no version is shown the card of 0.3", async () => {
  const { body } = await host.call("GET", `/a2a/${agent}${WELL_KNOWN}`);

  expect(body).toMatchObject({
    ...{ name: "Desk", protocolVersion: "0.3", url: `${host.url}/a2a/${agent}` },
    ...{ preferredTransport: "JSONRPC", supportsAuthenticatedExtendedCard: true },
    securitySchemes: { apiKey: { type: "apiKey", in: "header", name: "X-API-Key" } },
  });
});

test("no card is shown without a key, to a key of another tenant, or by a shared cache", async () => {
  const path = `/a2a/${agent}${WELL_KNOWN}`;

  const anonymous = await Promise.all([fetch(host.url + path), fetch(host.url + WELL_KNOWN)]);
  const foreign = await card(path, V1, host.otherKey);
  const named = await card(`${WELL_KNOWN}?agent=${agent}`, V1, host.otherKey);
  const own = await card(path);

  expect(anonymous.map(({ status }) => status)).toEqual([401, 401]);
  expect([foreign.status, named.status]).toEqual([404, 404]);
  expect(own.headers.get("cache-control")).toMatch(/^private/);
  expect(own.headers.get("vary")).toContain("X-API-Key");
});

test("a card that has not changed is not sent again, one that has is", async () => {
  const path = `/a2a/${agent}${WELL_KNOWN}`;
  const tag = (await card(path)).headers.get("etag") ?? "";
  const known = { ...V1, "If-None-Match": `"x", W/${tag}` };

  const same = await card(path, known);
  await host.call("PATCH", `/v2/agents/${agent}`, { description: "Answers better." });
  const changed = await card(path, known);

  expect([same.status, await same.text()]).toEqual([304, ""]);
  expect([changed.status, changed.headers.get("etag")]).toEqual([
    200,
    expect.not.stringMatching(tag),
  ]);
});

test("the well-known card is the tenant's only agent's; of several one is named", async () => {
  const nameAt = async (path: string): Promise<string> =>
    ((await (await card(path)).json()) as { readonly name: string }).name;
  const only = await nameAt(WELL_KNOWN);
  const next = await host.call("POST", "/v2/agents", { name: "Next" });
  const several = await card(WELL_KNOWN);
  const named = await nameAt(`${WELL_KNOWN}?agent=${next.body.id}`);
  const team = await host.call("POST", "/v2/teams", {
    ...{ name: "Crew", mode: "coordinate", members: [{ agent }] },
  });
  const ofTeam = await nameAt(`${WELL_KNOWN}?agent=${team.body.id}`);

  expect([only, several.status, named, ofTeam]).toEqual(["Desk", 404, "Next", "Crew"]);
  await host.call("DELETE", `/v2/agents/${next.body.id}`);
});

test("versions that are not spoken are refused as the protocol has it", async () => {
  const message = { messageId: "v", role: "ROLE_USER", parts: [{ text: "hi" }] };
  const request = { jsonrpc: "2.0", id: 1, method: "SendMessage", params: { message } };
  const of = (version: string) => ({ headers: { "A2A-Version": version } });

  const rpc = await host.call("POST", `/a2a/${agent}`, request, of("9.9"));
  const rest = await host.call("POST", `/a2a/${agent}/message:send`, { message }, of("0.3"));

  expect([rpc.status, rpc.body.id, rpc.body.error.code]).toEqual([200, 1, -32_009]);
  expect([rest.status, rest.body.error.details[0].reason]).toEqual([400, "VERSION_NOT_SUPPORTED"]);
});
