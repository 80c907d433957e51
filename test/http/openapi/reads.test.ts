// Headers that decide what a route does are stated beside it, for the description. Each route that states
// some is called here, and what its handler has read is what it states; a route that reads more than it
// states is found by every test that calls it (test/support/heard-headers.ts).

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Route } from "../../../adapters/http/route.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { isServers } from "../matrix/is-servers.ts";

type Fields = Readonly<Record<string, unknown>>;

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());

/** Ids that have the form of those of each kind; nothing has to be there. */
const ids: Readonly<Record<string, string>> = {
  agents: "ag_nobody",
  prompts: "pr_nobody",
  teams: "tm_nobody",
  workflows: "wf_nobody",
  tools: "tl_nobody",
  skills: "sk_nobody",
};

/** Where a handler looks for something before it reads a header: that has to be there. */
interface Placed {
  readonly run: string;
  readonly step: string;
  readonly job: string;
  readonly agent: string;
}

async function place(): Promise<Placed> {
  const agent = (await host.call("POST", "/v2/agents", { name: "A", model_name: "m-1" })).body.id;
  host.llm.script = () => {
    throw new RuntimeError("PROVIDER_FAILED", "The provider refused.");
  };
  await host.call("POST", `/v2/agents/${agent}/runs`, { input: "Hello?" });
  const run = (await host.call("GET", "/v2/runs")).body.data[0].id;
  const step = (await host.call("GET", `/v2/runs/${run}/tree`)).body.steps[0].key;
  const collections = "/v2/knowledge/collections";
  const { id } = (await host.call("POST", collections, { name: "Docs" })).body;
  const sent = await host.call("POST", `${collections}/${id}/documents?wait=false`, { text: "a" });
  return { agent, run, step, job: sent.body.id };
}

const pathOf = ({ pattern }: Route, { run, job, agent }: Placed): string =>
  pattern.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    if (name === "rn") return run;
    if (name === "tn") return host.tenant;
    if (name === "jb") return job;
    if (name === "key" || name === "agent") return agent;
    return name === "n" ? "1" : (ids[pattern.split("/")[2] ?? ""] ?? "nobody");
  });

const bodyOf = ({ method, pattern, body }: Route, { agent, step }: Placed): unknown => {
  if (pattern.includes("/documents")) return { text: "b" };
  if (pattern === "/v2/evaluations") {
    const targets = [{ target: agent }];
    return { dataset_id: "ds_1", targets, scorers: [{ type: "exact" }] };
  }
  if (pattern.startsWith("/v2/skills")) {
    return { files: [{ path: "SKILL.md", text: "---\nname: s\ndescription: d\n---\n" }] };
  }
  if (pattern.endsWith("/ui-chat")) {
    const parts = [{ type: "text", text: "a" }];
    return { id: "chat", messages: [{ id: "m1", role: "user", parts }] };
  }
  if (pattern.endsWith("/ag-ui")) {
    return { threadId: "t", runId: "r", messages: [{ id: "m1", role: "user", content: "a" }] };
  }
  if (pattern.startsWith("/a2a/")) return a2aBody(pattern);
  if (pattern.endsWith("/items")) return { messages: [{ role: "user", content: "a" }] };
  if (pattern.endsWith("/fork")) return { step, mode: "background" };
  if (pattern.endsWith("/resume")) return { mode: "background" };
  if (/^\/v2\/teams(\/\{id\})?$/.test(pattern) && method !== "PATCH") {
    return { name: "T", mode: "coordinate", members: [{ agent }] };
  }
  if (/^\/v2\/channels(\/\{id\}|\/check)?$/.test(pattern) && method !== "PATCH") {
    return { name: "C", kind: "quiet", agent, settings: { api_url: "http://127.0.0.1:9" } };
  }
  if (/^\/v2\/triggers(\/\{id\})?$/.test(pattern) && method !== "PATCH") {
    return { name: "T", target: agent, type: "startup" };
  }
  if (pattern === "/v1/chat/completions") {
    return { model: `agent:${agent}`, messages: [{ role: "user", content: "a" }] };
  }
  if (pattern === "/v1/responses") return { model: `agent:${agent}`, input: "a" };
  if (pattern === "/v1/messages") {
    return { model: `agent:${agent}`, messages: [{ role: "user", content: "a" }], max_tokens: 9 };
  }
  return body === undefined || method === "GET" ? undefined : sampleOf(body as object as Fields);
};

function a2aBody(pattern: string): object {
  const said = { role: "ROLE_USER", parts: [{ text: "a" }] };
  const params = { message: { ...said, messageId: pattern } };
  const isRpc = pattern === "/a2a/{agent}";
  return isRpc ? { jsonrpc: "2.0", id: 1, method: "SendMessage", params } : params;
}

test("every route reads the headers that it states, and no others of these", async () => {
  const placed = await place();
  const routes = host.routes.filter(({ reads = [] }) => reads.length > 0);

  for (const route of routes) {
    const [path, body] = [pathOf(route, placed), bodyOf(route, placed)];
    const isStream = ["/events", "/ui-chat", "/ag-ui", "message:stream"].some((end) =>
      route.pattern.endsWith(end),
    );
    // What is the server's alone is asked for with its own key.
    const headers = { "A2A-Version": "1.0" };
    const more = { headers, ...(isServers(route) && { key: host.adminKey }) };
    if (isStream) await (await host.events(route.method, path, body, more)).rest();
    else await host.call(route.method, path, body, more);
  }

  const nameOf = ({ method, pattern }: Route) => `${method} ${pattern}`;
  const stated = routes.map((route) => [nameOf(route), [...(route.reads ?? [])].sort()]);
  const read = routes.map((route) => [
    nameOf(route),
    [...(host.headersRead.get(nameOf(route)) ?? [])].sort(),
  ]);
  expect(stated.length).toBeGreaterThan(40);
  expect(read).toEqual(stated);
});

/** The smallest value that a schema of a body lets through. */
function sampleOf(schema: Fields): unknown {
  if ("const" in schema) return schema["const"];
  const [first] = (schema["anyOf"] ?? schema["enum"] ?? []) as readonly unknown[];
  if (first !== undefined) return "enum" in schema ? first : sampleOf(first as Fields);
  switch (schema["type"]) {
    case "object": {
      const properties = (schema["properties"] ?? {}) as Readonly<Record<string, Fields>>;
      const least =
        schema["minProperties"] === undefined ? [] : Object.keys(properties).slice(0, 1);
      const names = (schema["required"] ?? least) as readonly string[];
      return Object.fromEntries(names.map((name) => [name, sampleOf(properties[name] ?? {})]));
    }
    case "array":
      return Array.from({ length: Number(schema["minItems"] ?? 0) }, () =>
        sampleOf(schema["items"] as Fields),
      );
    case "integer":
    case "number":
      return schema["minimum"] ?? 1;
    case "boolean":
      return true;
    case "string":
      return "a".repeat(Number(schema["minLength"] ?? 1));
    default:
      return {};
  }
}
