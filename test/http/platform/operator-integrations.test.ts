// Integrations of the operator's configuration: read with their secrets from the environment, found by the tenants
// that are named, used by their runs, and changed by nobody but the operator.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../../adapters/config.ts";
import type { OperatorIntegration } from "../../../adapters/config-integrations.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

const SECRET = "planted-secret-of-the-operator";
const REFERENCE = "$\u007bCRM_SECRET}";
const FILE = `
integrations:
  - name: crm
    title: The CRM
    tenants: ["*"]
    issuer: https://login.example.com
    client_id: troupe
    client_secret: ${REFERENCE}
    client_auth: post
    scopes: [read, write]
    allowed_hosts: ["api.example.com", "*.crm.example.com"]
    authorization_params: ["access_type=offline", "audience=https://a=b"]
    confirmation: code
  - name: erp
    type: api_key
    tenants: [tn_none]
    allowed_hosts: [erp.example.com]
    header: x-api-key
`;

let folder: string;
let host: HttpHost;
let integrations: readonly OperatorIntegration[];

async function configured(text: string): Promise<readonly OperatorIntegration[]> {
  await writeFile(join(folder, "troupe.yaml"), text);
  return (await readConfig({ CRM_SECRET: SECRET }, folder)).integrations;
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-integrations-"));
  integrations = await configured(FILE);
  host = await startHttpHost({ integrations });
});
afterAll(async () => {
  await host.stop();
  await rm(folder, { recursive: true, force: true });
});

const get = (path: string, key = host.key) => host.call("GET", path, undefined, { key });

test("they are read with the secret of the environment, and what is wrong with one is said where it stands", async () => {
  expect(integrations[0]?.integration).toMatchObject({
    ...{ name: "crm", type: "oauth2", client_secret: SECRET, client_auth: "post" },
    ...{ scopes: ["read", "write"], confirmation: "code" },
    authorization_params: { access_type: "offline", audience: "https://a=b" },
  });
  const wrong = async (from: string, into: string): Promise<string> =>
    await configured(FILE.replace(from, into)).then(
      () => "",
      (error: unknown) => String((error as Error).message),
    );
  expect(await wrong("name: erp", "name: crm")).toContain("crm: the name is used twice");
  expect(await wrong("[tn_none]", "[Acme]")).toContain('erp: tenants: "Acme" is neither');
  expect(await wrong("https://login", "http://login")).toContain("crm: issuer: It is no address");
  expect(await wrong("    client_id: troupe\n", "")).toContain("crm: client_id: It is missing");
  expect(await wrong("[erp.example.com]", "['https://x']")).toContain(
    "erp: allowed_hosts/0: Hosts",
  );
  expect(await wrong('"access_type=offline"', '"offline"')).toContain("is no name=value");
  expect(await wrong(REFERENCE, "in-the-file")).toMatch(/client_secret.*reference/);
  expect(await wrong(REFERENCE, REFERENCE.replace("CRM_SECRET", "NOT_SET"))).toContain("NOT_SET");
});

test("the tenants that are named find them, without their secret, and nobody changes or removes them", async () => {
  for (const key of [host.key, host.otherKey]) {
    const listed = await get("/v2/integrations", key);
    expect(listed.body.data.map(({ name }: Json) => name)).toEqual(["crm"]);
    expect(listed.body.data[0]).toMatchObject({
      ...{ source: "operator", has_client_secret: true, title: "The CRM", created_at: null },
    });
    expect(JSON.stringify(listed.body)).not.toContain(SECRET);
  }
  expect((await get("/v2/integrations/erp")).status).toBe(404);
  const own = { type: "api_key", allowed_hosts: ["evil.example.com"] };
  for (const [method, body] of [
    ["PUT", own],
    ["DELETE", undefined],
  ] as const) {
    const refused = await host.call(method, "/v2/integrations/crm", body);
    expect([refused.status, refused.body.code]).toEqual([409, "CONFLICT"]);
  }
  expect((await get("/v2/integrations/crm")).body.allowed_hosts).toContain("api.example.com");
  // Where it is not, the name is free; and stays the tenant's own.
  expect((await host.call("PUT", "/v2/integrations/erp", own)).status).toBe(201);
  expect((await get("/v2/integrations/erp")).body).toMatchObject({ source: "tenant" });
});

test("a run waits for an account of one as for one of the tenant's own, with what it says of confirmation", async () => {
  host.llm.script = ({ call }) =>
    call === 1 ? { calls: [{ name: "ask_api", arguments: {} }] } : "Done.";
  const config = { url: "https://api.example.com/x", auth: { token: "crm" } };
  const tools = [{ tool: "http_request", name: "ask_api", config }];
  const agent = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m", tools });

  const run = await host.call("POST", `/v2/agents/${agent.body.id}/runs`, { input: "Go." });

  expect(run.status, JSON.stringify(run.body)).toBe(202);
  expect(run.body.waits).toMatchObject([{ kind: "auth", code: expect.any(String) }]);
  const page = await fetch(host.url + run.body.waits[0].url);
  expect(await page.text()).toContain("Connect your account of The CRM?");
  const link = await host.call("POST", "/v2/tokens/connect", { integration: "crm", user_key: "a" });
  expect([link.status, typeof link.body.code]).toEqual([201, "string"]);
});

test("changes of a tenant's integrations are told in the audit without their secret", async () => {
  const client = {
    ...{ type: "oauth2", issuer: "https://login.example.com", client_id: "troupe" },
    ...{ client_secret: SECRET, allowed_hosts: ["a.example.com"] },
  };
  await host.call("PUT", "/v2/integrations/told", client);
  await host.call("PUT", "/v2/integrations/told", { ...client, allowed_hosts: ["b.example.com"] });
  await host.call("DELETE", "/v2/integrations/told");

  const { data } = (await get("/admin/audit?subject=told&limit=10")).body;

  expect(data.map(({ action }: Json) => action)).toEqual([
    ...["integration.delete", "integration.update", "integration.update"],
  ]);
  expect(data[1]).toMatchObject({
    before: { allowed_hosts: ["a.example.com"] },
    after: { allowed_hosts: ["b.example.com"] },
  });
  expect(data[1].by).toMatch(/^ak_/);
  expect(JSON.stringify(data)).not.toContain(SECRET);
});
