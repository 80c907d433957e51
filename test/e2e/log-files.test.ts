// The log files of a real process: an agent's lines as they come, the server's own log, moved files, and nothing
// lost at a stop.

import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../support/channels/channel-desk.ts";
import { makeDesk, type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const START_MS = 60_000;
const SAID = "How to export an invoice?";
let product: Product;
let desk = "";

beforeAll(async () => {
  product = await startProduct({
    env: { TROUPE_WORKERS: "1", AGENT_ORCH_LOG_LEVEL: "info", VECTOR_DB_URL: "http://db:8000" },
    config: "logs:\n  agents: logs/agents\n  file: logs/server.log\n",
  });
  desk = await makeDesk(product, { name: "Desk" });
}, START_MS);
afterAll(() => product.end());

const at = (name: string): string => join(product.folder, "logs", name);
async function linesOf(name: string): Promise<readonly Json[]> {
  const text = await readFile(at(name), "utf8").catch(() => "");
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Json);
}
const linesWhen = (
  name: string,
  isEnough: (lines: readonly Json[]) => boolean,
): Promise<readonly Json[]> => until(() => linesOf(name), isEnough);
const run = async (agent: string, more = {}): Promise<string> =>
  (await product.call("POST", `/v2/agents/${agent}/runs`, { input: SAID }, more)).body.id;
const ofRun = (lines: readonly Json[], id: string): readonly Json[] =>
  lines.filter(({ run_id }) => run_id === id);

test("an agent's file has the lines that the API gives, without what was said", async () => {
  const id = await run(desk);
  const lines = await linesWhen("agents/Desk.log", (all) => ofRun(all, id).length >= 3);
  const { data } = (await product.call("GET", `/v2/agents/${desk}/logs`)).body;

  expect(lines.map((line) => line.id)).toEqual(data.map((line: Json) => line.id));
  expect(lines[0]).toMatchObject({
    ...{ level: "info", message: "run began", run_id: id, agent_key: desk },
    ...{ tenant: "tn_default", agent: desk, agent_name: "Desk" },
  });
  expect(JSON.stringify(lines)).not.toContain(SAID);
});

test("agents of one name in two tenants have two files", async () => {
  const tenant = (await product.call("POST", "/admin/tenants", { name: "Other" })).body.id;
  await product.call("POST", `/admin/tenants/${tenant}/credit`, { amount: 10 });
  const { key } = (await product.call("POST", "/admin/keys", { name: "k", tenant })).body;
  const record = { name: "Desk", model_name: "gpt-4o-mini" };
  const made = await product.call("POST", "/v2/agents", record, { key });
  const id = await run(made.body.id, { key });

  const lines = await linesWhen(`agents/${tenant}/Desk.log`, (all) => ofRun(all, id).length >= 2);

  expect(new Set(lines.map((line) => line.tenant))).toEqual(new Set([tenant]));
  expect(ofRun(await linesOf("agents/Desk.log"), id)).toEqual([]);
});

test("the server's file has what standard error has, and no key", async () => {
  const lines = await linesWhen("server.log", (all) => all.some(({ msg }) => msg === "request"));

  expect(lines.find(({ variables }) => variables)).toMatchObject({ variables: ["VECTOR_DB_URL"] });
  expect(JSON.stringify(lines)).not.toContain(product.adminKey);
  for (const { id } of lines.slice(0, 3)) if (id) expect(product.server.errors()).toContain(id);
});

test("files that logrotate has moved are opened again at SIGHUP", async () => {
  await rename(at("agents/Desk.log"), at("agents/Desk.log.moved"));
  await rename(at("server.log"), at("server.log.moved"));
  product.server.process.kill("SIGHUP");
  let id = "";
  // Whatever comes before it has looked is in the file that was moved.
  await until(
    async () => {
      id = await run(desk);
      return (await linesOf("server.log")).length;
    },
    (count) => count > 0,
  );

  expect(await linesWhen("agents/Desk.log", (all) => ofRun(all, id).length >= 3)).not.toEqual([]);
});

test("a stop loses nothing and a start repeats nothing", async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => run(desk)));
  expect(await product.stop()).toBe(0);
  await product.start();
  const { data } = (await product.call("GET", `/v2/agents/${desk}/logs?limit=1000`)).body;
  const wanted = data
    .filter((line: Json) => ids.includes(line.run_id))
    .map((line: Json) => line.id);

  const all = () =>
    linesOf("agents/Desk.log").then((lines) =>
      lines.filter((line) => ids.includes(line.run_id)).map((line) => line.id),
    );
  await until(all, (found) => found.length >= wanted.length);
  expect((await all()).toSorted()).toEqual(wanted.toSorted());
});
