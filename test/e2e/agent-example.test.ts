// The example of document 003 as adapters/orchestrator/README.md has it, word for word but for where its folder is: on
// the real process its triggers set it to work, its tools keep to their permissions, and every request that is
// documented for it is answered.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { until } from "../support/channels/channel-desk.ts";
import { type Product, startProduct } from "../support/product.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Json } from "../support/wire-client.ts";

const PATH = "/agents/v1/agents";
const page = readFileSync(
  fileURLToPath(new URL("../../../adapters/orchestrator/README.md", import.meta.url)),
  "utf8",
);
const folder = mkdtempSync(join(tmpdir(), "troupe-agent-example-"));
const [, printed = ""] = /```yaml\n(name: [\s\S]*?)```/.exec(page) ?? [];
const example = printed.replaceAll("/opt/agency_stack", folder);
const data = join(folder, "clients/acme/data");
const logs = join(folder, "log/components");
const secret = join(folder, "clients/secret.txt");

let product: Product;
beforeAll(async () => {
  for (const one of [join(data, "incoming"), join(data, "out"), join(folder, "config"), logs]) {
    mkdirSync(one, { recursive: true });
  }
  writeFileSync(secret, "not for it");
  writeFileSync(join(folder, "config/data-processor.yaml"), example);
  const config = `
tools:
  hosts: [127.0.0.1]
  folders:
    - { name: data, path: "${data}", tenants: [tn_default], access: write }
`;
  product = await startProduct({
    config: (provider) => `${config}providers:
  - { name: ollama, base_url: "${provider.openaiUrl}", api_key: "$\u007bOPENAI_API_KEY}" }
`,
    env: {
      ...{ AGENT_ORCH_LOG_LEVEL: "info", MAX_AGENTS: "1", DEFAULT_AGENT_TIMEOUT: "2" },
      ...{ CLIENT_ID: "acme", TROUPE_AGENTS: join(folder, "config"), TROUPE_WORKERS: "1" },
      TROUPE_LOG_FILE: join(logs, "agent_orchestrator.log"),
      TROUPE_AGENT_LOGS: join(logs, "agents"),
      // Where a model that is not Ollama's would be asked.
      OPENAI_BASE_URL: "http://127.0.0.1:9/v1",
    },
  });
}, 60_000);
afterEach(() => product.provider.reset());
afterAll(async () => {
  await product.end();
  rmSync(folder, { recursive: true });
});

const { results, calling } = toolTalk(() => product);
const get = async (path: string): Promise<Json> => (await product.call("GET", path)).body;
const named = async (name: string): Promise<Json> =>
  (await until(
    async () => (await get(PATH)).data.find((one: Json) => one.name === name),
    (one) => one !== undefined,
  )) as Json;
/** Of the errors that tools gave. */
const codesOf = (told: string): readonly string[] =>
  [...told.matchAll(/"code":"(\w+)"/g)].map(([, code = ""]) => code).sort();
/** The first occurrence of a trigger that has ended, and what its run was told by tools. */
async function worked(trigger: string): Promise<{ readonly row: Json; readonly told: string }> {
  const [row] = (await until(
    async () => (await get(`/v2/triggers/${trigger}/occurrences`)).data,
    (rows) => rows.some(({ state }: Json) => ["completed", "failed"].includes(state)),
  )) as Json[];
  return { row, told: JSON.stringify(await results(row.run_id)) };
}

test("a file that comes sets it to work with its tools, within its paths, and logs and metrics show it", async () => {
  const { id, triggers } = await named("data-processor");
  const [watch] = triggers;
  await until(
    () => get(`/v2/triggers/${watch.id}/status`),
    ({ files }) => files !== null,
  );
  const path = join(data, "incoming/sales.csv");
  calling([
    { name: "file_reader", arguments: { path } },
    { name: "data_analyzer", arguments: { path } },
    { name: "file_reader", arguments: { path: secret } },
    { name: "file_reader", arguments: { path: `${data}/../secret.txt` } },
    { name: "file_writer", arguments: { path: join(data, "out/new.txt"), content: "x" } },
    { name: "remember", arguments: { text: "Sales of Oslo come on Tuesdays." } },
  ]);
  writeFileSync(path, "city,sold\nOslo,1\nRome,3\n");
  const { row, told } = await worked(watch.id);

  expect(row).toMatchObject({ state: "completed", data: { changes: [{ event: "added" }] } });
  expect(told).toContain("Oslo,1");
  expect(told).toContain('"mean":2');
  expect(codesOf(told)).toEqual(["FORBIDDEN", "INVALID", "NOT_FOUND"]);
  expect(told).not.toContain("not for it");
  expect(() => readFileSync(join(data, "out/new.txt"))).toThrow("ENOENT");
  const [asked] = product.provider.calls();
  expect(asked?.body["model"]).toBe("llama2");
  expect(asked?.tools.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["file_reader", "data_analyzer", "remember"]),
  );
  expect(asked?.prompt).toContain("incoming/sales.csv");

  const line = `"run_id":"${row.run_id}"`;
  expect(JSON.stringify(await get(`${PATH}/${id}/logs?limit=1000`))).toContain(line);
  await until(
    () => readFile(join(logs, "agents/data-processor.log"), "utf8").catch(() => ""),
    (text) => text.includes(line),
  );
  const own = readFileSync(join(logs, "agent_orchestrator.log"), "utf8");
  expect(own).toContain('"file":"data-processor.yaml"');
  const metrics = await (await fetch(`${product.url}/agents/v1/metrics`)).text();
  expect(metrics).toMatch(/gen_ai|llama2|troupe_runs/);
});

test("its schedule is due at the next full hour, and what it learned is its own in every run", async () => {
  const { id, triggers } = await named("data-processor");
  const hourly = triggers[1];
  const status = await get(`/v2/triggers/${hourly.id}/status`);
  expect(JSON.stringify(status)).toMatch(/T\d\d:00:00(\.000)?Z/);
  product.provider.otherwise({ text: "Nothing new." });
  const fired = await product.call("POST", `/v2/triggers/${hourly.id}/fire`, {});
  expect(fired.status).toBe(202);
  const { row } = await worked(hourly.id);

  expect(row.state).toBe("completed");
  const memories = (await get(`/v2/memories?agent_key=${id}`)).data;
  expect(memories).toMatchObject([
    { text: "Sales of Oslo come on Tuesdays.", collection: "data_processor_memory" },
  ]);
  expect(memories[0].user_key).toBeNull();
});

test("it ends at the tokens that it may take, and the occurrence names the limit", async () => {
  const { id } = await named("data-processor");
  const usage = { promptTokens: 4_000, completionTokens: 4_500 };
  product.provider.otherwise({ text: "More and more", finish: "length", usage });
  const { body } = await product.call("POST", `${PATH}/${id}/start`, { input: "Go." });
  const run = await until(
    () => get(`/v2/runs/${body.run.id}`),
    ({ status }) => !["queued", "running"].includes(status),
  );

  expect([run.status, run.error.code]).toEqual(["exhausted", "LIMIT_REACHED"]);
  expect(run.error.details).toMatchObject({ limit: "max_tokens", value: 8_000 });
});

test("writes need the permission and the path, and what reaches other machines is held to this one", async () => {
  const may = { name: "file_writer", permissions: ["read", "write"], paths: [`${data}/out/`] };
  const tools = [may, { name: "web_page" }];
  const constraints = { allowed_domains: ["local"] };
  const mayNot = { name: "N", tools: [{ ...may, permissions: ["read"] }] };
  const refused = [
    await product.call("POST", PATH, mayNot),
    await product.call("POST", PATH, { name: "Far", tools }),
  ];
  expect(refused.map(({ status, body }) => [status, body.pointer])).toEqual([
    [400, "/tools/0/permissions"],
    [400, "/tools/1/name"],
  ]);
  const body = { name: "Writer", model: "llama2", tools, constraints };
  const { id } = (await product.call("POST", PATH, body)).body;
  const within = join(data, "out/kept.txt");
  const outside = [join(data, "incoming/no.txt"), `${data}/out/../../secret.txt`, secret];
  calling([
    ...[within, ...outside].map((path) => ({
      name: "file_writer",
      arguments: { path, content: "written" },
    })),
    { name: "web_page", arguments: { url: "https://example.com/" } },
  ]);
  const { run } = (await product.call("POST", `${PATH}/${id}/start`, { input: "Go." })).body;
  await until(
    () => get(`/v2/runs/${run.id}`),
    ({ status }) => status === "completed",
  );
  const told = JSON.stringify(await results(run.id));

  expect(codesOf(told)).toEqual(["EGRESS_REFUSED", "FORBIDDEN", "FORBIDDEN", "INVALID"]);
  expect(readFileSync(within, "utf8")).toBe("written");
  expect(readFileSync(secret, "utf8")).toBe("not for it");
  expect(() => readFileSync(join(data, "incoming/no.txt"))).toThrow("ENOENT");
});

test("of what is begun as many work at once as MAX_AGENTS says, as long as DEFAULT_AGENT_TIMEOUT, until they are stopped", async () => {
  const made = async (name: string): Promise<string> =>
    (await product.call("POST", PATH, { name, model: "llama2" })).body.id;
  const [slow, next, last] = [await made("Slow"), await made("Next"), await made("Last")];
  const begin = async (id: string): Promise<string> =>
    (await product.call("POST", `${PATH}/${id}/start`, { input: "Go." })).body.run.id;
  const runOf = (id: string): Promise<Json> => get(`/v2/runs/${id}`);
  product.provider.otherwise({ text: "It begins", hang: "after-head" });
  const [first, second, third] = [await begin(slow), await begin(next), await begin(last)];
  await product.provider.until(() => true);
  expect([(await runOf(second)).status, (await runOf(third)).status]).toEqual(["queued", "queued"]);

  const stopped = await product.call("POST", `${PATH}/${last}/stop`);
  expect(stopped.body).toMatchObject({ status: "stopped", cancelled_runs: [third] });
  expect((await runOf(third)).status).toBe("cancelled");
  const expired = await until(
    () => runOf(first),
    ({ status }) => status !== "running",
  );
  expect(expired).toMatchObject({
    status: "expired",
    error: { details: { limit: "max_runtime", value: 2 } },
  });
  await until(
    () => runOf(second),
    ({ status }) => status === "running",
  );
  const { body } = await product.call("POST", `${PATH}/${next}/stop`);
  expect(body.cancelled_runs).toEqual([second]);
});

test("each request that document 003 lists is answered as it says", async () => {
  const listed = [...page.matchAll(/^- `(\w+) (\/\S+)`: /gm)].map(([, method, path]) => [
    `${method}`,
    `${path}`,
  ]);
  expect(listed).toHaveLength(10);
  const body = { name: "over-http", model: "llama2", constraints: { max_runtime: 600 } };
  const { id } = (await product.call("POST", PATH, { ...body, name: "first" })).body;
  const bodies: Json = {
    "POST /agents": body,
    "PUT /agents/{agent_id}": { ...body, description: "Changed." },
    "POST /agents/{agent_id}/start": undefined,
  };
  // The one that deletes comes last.
  const ordered = listed.toSorted(([one], [other]) =>
    one === "DELETE" ? 1 : other === "DELETE" ? -1 : 0,
  );
  const answers: Record<string, number> = {};
  for (const [method = "", path = ""] of ordered) {
    const name = `${method} ${path}`;
    const at = `/agents/v1${path.replace("{agent_id}", id)}`;
    if (path === "/metrics") answers[name] = (await fetch(product.url + at)).status;
    else answers[name] = (await product.call(method, at, bodies[name])).status;
  }

  expect(answers).toEqual({
    ...{ "GET /agents": 200, "POST /agents": 201, "GET /agents/{agent_id}": 200 },
    ...{ "PUT /agents/{agent_id}": 200, "POST /agents/{agent_id}/start": 202 },
    ...{ "POST /agents/{agent_id}/stop": 200, "GET /agents/{agent_id}/logs": 200 },
    ...{ "GET /tools": 200, "GET /metrics": 200, "DELETE /agents/{agent_id}": 204 },
  });
});
