// Agents of a folder on the real process: the example of document 003 with paths of its own, files that break and go,
// and the same agents through /agents/v1.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { until } from "../support/channels/channel-desk.ts";
import { type Product, startProduct } from "../support/product.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Json } from "../support/wire-client.ts";

const folder = mkdtempSync(join(tmpdir(), "troupe-agent-files-"));
const files = join(folder, "agents");
const data = join(folder, "clients/acme/data");
const seed = "/opt/agency_stack/clients/$\u007bCLIENT_ID}/data/";
const PATH = "/agents/v1/agents";

/** The example of document 003. */
const example = `name: data-processor
description: "Processes and analyzes data files"
model: llama2
tools:
  - name: file_reader
    description: "Reads data files"
    permissions: ["read"]
    paths: ["${seed}"]
  - name: data_analyzer
    description: "Analyzes data"
    permissions: ["read", "execute"]
memory:
  type: vector_db
  collection: "data_processor_memory"
triggers:
  - type: file_change
    path: "${seed}incoming/"
  - type: schedule
    cron: "0 * * * *"  # Hourly
constraints:
  max_runtime: 600  # seconds
  max_tokens: 8000
  allowed_domains: ["local"]
`.replaceAll("/opt/agency_stack", folder);

let product: Product;
beforeAll(async () => {
  mkdirSync(join(data, "incoming"), { recursive: true });
  mkdirSync(files);
  writeFileSync(join(data, "sales.csv"), "city,sold\nOslo,1\nRome,3\n");
  writeFileSync(join(files, "data-processor.yaml"), example);
  const config = `
agents: { folder: "${files}" }
yaml_variables: [DESK_NAME, DESK_UNSET]
tools:
  folders:
    - { name: acme, path: "${data}", tenants: [tn_default] }
`;
  const env = { CLIENT_ID: "acme", DESK_NAME: "Desk", HOME_TOWN: "Oslo", TROUPE_WORKERS: "1" };
  product = await startProduct({ config, env });
}, 60_000);
afterEach(() => product.provider.reset());
afterAll(async () => {
  await product.end();
  rmSync(folder, { recursive: true });
});

const { say, calling, eventsOf } = toolTalk(() => product);
const get = async (path: string): Promise<Json> => (await product.call("GET", path)).body;
const named = async (name: string): Promise<Json | undefined> =>
  (await get(PATH)).data.find((one: Json) => one.name === name);
/** As an operator does who changed it and does not wait. */
function write(file: string, text: string | null): void {
  if (text === null) rmSync(join(files, file));
  else writeFileSync(join(files, file), text);
  product.server.process.kill("SIGHUP");
}
const processor = () =>
  until(
    () => named("data-processor"),
    (one) => one !== undefined,
  ) as Promise<Json>;

test("the example of document 003 is an agent, with its tools, memory, triggers and constraints", async () => {
  const agent = await processor();
  const record = await get(`/v2/agents/${agent.id}`);
  const [, trigger] = (await get(`/v2/triggers?target=${agent.id}`)).data;

  expect(agent).toMatchObject({
    ...{ status: "running", origin: "file", file: "data-processor.yaml", problem: null },
    ...{ model: "llama2", description: "Processes and analyzes data files" },
    tools: [
      { name: "file_reader", permissions: ["read"], paths: [`${data}/`] },
      { name: "data_analyzer", permissions: ["read", "execute"] },
    ],
    memory: { type: "vector_db", collection: "data_processor_memory", scope: "agent" },
    triggers: [
      { type: "file_change", path: `${data}/incoming/`, is_active: true },
      { type: "schedule", cron: "0 * * * *", is_active: true },
    ],
    constraints: { max_runtime: 600, max_tokens: 8_000, allowed_domains: ["local"] },
  });
  expect(record).toMatchObject({ origin: "file", model_name: "llama2", version: 1 });
  expect(trigger).toMatchObject({ target: agent.id, cron: "0 * * * *" });
});

test("its tools do what it was permitted and nothing more, and its log and the metrics show it", async () => {
  const { id } = await processor();
  const path = `${data}/sales.csv`;
  calling([
    { name: "data_analyzer", arguments: { path } },
    { name: "file_reader", arguments: { path: "/etc/passwd" } },
  ]);
  const reply = await say(id, "Go.");

  const results = (await eventsOf(reply.body.id)).filter(({ type }) => type === "tool_result");
  expect(JSON.stringify(results)).toContain('"mean":2');
  expect(JSON.stringify(results)).toContain("FORBIDDEN");
  const log = (await get(`${PATH}/${id}/logs`)).data;
  expect(JSON.stringify(log)).toContain("data_analyzer");
  const metrics = await (await fetch(`${product.url}/agents/v1/metrics`)).text();
  expect(metrics).toMatch(/^troupe_\w+\{?.* \d/m);
});

test("the API refuses to change what a file says, and says where it is changed", async () => {
  const { id, triggers } = await processor();
  const body = { name: "other" };
  const refused = [
    await product.call("PUT", `${PATH}/${id}`, body),
    await product.call("DELETE", `${PATH}/${id}`),
    await product.call("PATCH", `/v2/agents/${id}`, body),
    await product.call("POST", `/v2/agents/${id}/sub-agents`, body),
    await product.call("PATCH", `/v2/triggers/${triggers[0].id}`, { is_active: false }),
    await product.call("DELETE", `/v2/triggers/${triggers[0].id}`),
  ];
  expect(refused.map(({ status }) => status)).toEqual([409, 409, 409, 409, 409, 409]);
  for (const { body: told } of refused) expect(told.detail).toContain("data-processor.yaml");
});

test("a file that breaks leaves its agent as it was and says where; one that is put right is taken", async () => {
  const before = await processor();
  write("data-processor.yaml", example.replace('["read"]', '["reed"]'));
  const broken = await until(processor, ({ problem }) => problem !== null);
  expect(broken.problem).toMatch(/^data-processor\.yaml:7:19: /);
  expect(broken.tools).toEqual(before.tools);
  expect(product.server.errors()).toContain("data-processor.yaml:7:19: ");
  const outside = example.replace(`${folder}/clients/\${CLIENT_ID}/data/`, "/etc");
  write("data-processor.yaml", outside);
  const refused = await until(processor, ({ problem }) => /granted folder/.test(String(problem)));
  expect(refused.problem).toMatch(/^data-processor\.yaml:8:13: "\/etc" is in no granted folder/);

  write("data-processor.yaml", example.replace("analyzes data files", "counts"));
  const changed = await until(processor, ({ problem }) => problem === null);
  expect(changed).toMatchObject({ id: before.id, description: "Processes and counts", version: 2 });
  expect(changed.triggers[0].id).toBe(before.triggers[0].id);
});

test("variables that the operator did not name are not substituted, and remote tools need the operator", async () => {
  write(
    "bad.yaml",
    "name: $\u007bDESK_NAME}\ndescription: $\u007bHOME_TOWN} $\u007bDESK_UNSET}\ncron: x\n",
  );
  write("remote.yaml", "name: remote\ntools:\n  - name: web_page\n  - name: file_raeder\n");
  const problems = async (): Promise<Json[]> => (await get(PATH)).problems;
  const told = await until(problems, (all) =>
    all.some(({ problem }) => problem.startsWith("remote.yaml:4:")),
  );
  const texts = told.map(({ problem }) => problem);

  expect(texts[0]).toMatch(/^bad\.yaml:2:14: \$\{HOME_TOWN\} is not substituted: add HOME_TOWN/);
  expect(texts[1]).toMatch(/^bad\.yaml:2:14: there is no environment variable DESK_UNSET/);
  expect(texts.join("\n")).toMatch(/bad\.yaml:3:1: unknown field "cron"/);
  expect(texts.join("\n")).toMatch(/remote\.yaml:4:11: There is no tool "file_raeder"/);
  write("remote.yaml", "name: remote\ntools:\n  - name: web_page\n");
  await until(problems, (all) =>
    all.some(({ problem }) =>
      /^remote\.yaml:3:11: A web_page reaches other machines/.test(problem),
    ),
  );
  write("remote.yaml", "name: remote $\u007bAGENT_NAME}\n");
  await until(problems, (all) => all.some(({ problem }) => /^remote\.yaml:1:7: /.test(problem)));
  for (const file of ["bad.yaml", "remote.yaml"]) write(file, null);
  await until(problems, (all) => all.length === 0);
});

test("what its triggers begin is its work, and a stopped agent stays stopped over a crash and a restart", async () => {
  const soon = example.replace('"0 * * * *"', '"* * * * * *"').replace("data-processor", "counter");
  write("counter.yaml", soon);
  const counter = () =>
    until(
      () => named("counter"),
      (one) => one !== undefined,
    ) as Promise<Json>;
  const { id, triggers } = await counter();
  const [watch, hourly] = triggers;
  const ledger = async (trigger: string): Promise<Json[]> =>
    (await get(`/v2/triggers/${trigger}/occurrences?state=completed`)).data;
  await until(
    () => ledger(hourly.id),
    (rows) => rows.length > 0,
  );
  await until(
    () => get(`/v2/triggers/${watch.id}/status`),
    ({ files: watched }) => watched !== null,
  );
  writeFileSync(join(data, "incoming/new.csv"), "city,sold\nBonn,2\n");
  const [changed] = await until(
    () => ledger(watch.id),
    (rows) => rows.length > 0,
  );
  expect(JSON.stringify(changed?.data)).toContain("new.csv");

  const stopped = await product.call("POST", `${PATH}/${id}/stop`);
  expect([stopped.status, stopped.body.status]).toEqual([200, "stopped"]);
  await product.kill();
  await product.start();
  expect(await counter()).toMatchObject({ id, status: "stopped" });
  expect((await get(`/v2/triggers/${triggers[0].id}`)).is_active).toBe(false);
  await product.call("POST", `${PATH}/${id}/start`);
  expect((await get(`/v2/triggers/${triggers[0].id}`)).is_active).toBe(true);
});

test("a file that goes stops its agent and takes its triggers; it is the same agent when it comes back", async () => {
  const { id } = (await named("counter")) as Json;
  const text = readFileSync(join(files, "counter.yaml"), "utf8");
  write("counter.yaml", null);
  const gone = await until(
    () => get(`${PATH}/${id}`),
    ({ file }) => file === null,
  );
  expect(gone).toMatchObject({ status: "stopped", triggers: [] });
  expect((await get(`/v2/triggers?target=${id}`)).data).toEqual([]);

  write("renamed.yaml", text);
  const back = await until(
    () => get(`${PATH}/${id}`),
    ({ file }) => file === "renamed.yaml",
  );
  expect(back).toMatchObject({ id, status: "running", name: "counter" });
  write("renamed.yaml", null);
  await until(
    () => get(`${PATH}/${id}`),
    ({ file }) => file === null,
  );
  expect((await product.call("DELETE", `${PATH}/${id}`)).status).toBe(204);
  expect((await product.call("GET", `/v2/agents/${id}`)).status).toBe(404);
});
