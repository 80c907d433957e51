// What the README of triggers shows is taken by the server as it stands there, and works when it is set off.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const readme = readFileSync(
  fileURLToPath(new URL("../../../adapters/triggers/README.md", import.meta.url)),
  "utf8",
);
const blocks = (language: string): readonly string[] =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, "gs"))].map(
    ([, text = ""]) => text,
  );

let product: Product;
beforeAll(async () => {
  product = await startProduct({
    config: 'tools:\n  folders:\n    - { name: inbox, path: ./inbox, tenants: ["*"] }\n',
  });
  mkdirSync(join(product.folder, "inbox/invoices"), { recursive: true });
});
afterAll(() => product.end());

async function made(path: string, body: object): Promise<Json> {
  const { status, body: one } = await product.call("POST", path, body);
  expect(status, JSON.stringify(one)).toBe(201);
  return one;
}

test("each trigger of the README is made as it is written, and works when it is set off", async () => {
  const agents = ["One", "Two"].map((name) => made("/v2/agents", { name, model_name: "m" }));
  const [one, two] = await Promise.all(agents);
  const graph_definition = {
    nodes: [
      { id: "one", type: "set", value: "1", save: "n" },
      { id: "end", type: "end" },
    ],
    edges: [{ from: "one", to: "end" }],
  };
  const state_schema = { properties: { n: { type: "integer" } } };
  const flow = await made("/v2/workflows", { name: "Flow", graph_definition, state_schema });
  const triggers = new Map<string, Json>();
  for (const text of blocks("json")) {
    const named = text
      .replaceAll("ag_1", one.id)
      .replaceAll("ag_2", two.id)
      .replaceAll("wf_1", flow.id);
    const trigger = await made("/v2/triggers", JSON.parse(named));
    triggers.set(trigger.type, trigger);
  }
  expect([...triggers.keys()].sort()).toEqual([
    ...["event", "file_change", "schedule", "startup", "webhook"],
  ]);
  const idOf = (type: string): string => triggers.get(type)?.id;

  const file = join(product.folder, "deliver.mjs");
  writeFileSync(file, blocks("js")[0] ?? "");
  const { deliver } = await import(pathToFileURL(file).href);
  const { secrets } = JSON.parse(blocks("json").find((text) => text.includes("webhook")) ?? "");
  const delivery = { server: product.url, trigger: idOf("webhook"), secret: secrets.signing };
  for (const id of ["msg_1", "msg_1", "msg_2"]) {
    const { status } = await deliver({ ...delivery, id, body: '{"order": 7}' });
    expect(status).toBe(202);
  }
  writeFileSync(join(product.folder, "inbox/invoices/7.pdf"), "seven");
  await product.call("POST", `/v2/triggers/${idOf("schedule")}/fire`, {});
  await product.stop();
  await product.start();

  const causes = async (type: string): Promise<readonly string[]> => {
    const { data } = (await product.call("GET", `/v2/triggers/${idOf(type)}/occurrences`)).body;
    return data.map(({ cause, state }: Json) => `${cause} ${state}`);
  };
  const within = { timeout: 30_000, interval: 100 };
  const once = async (type: string, cause: string, times = 1): Promise<void> =>
    await expect
      .poll(() => causes(type), within)
      .toEqual(Array.from({ length: times }, () => `${cause} completed`));
  await once("webhook", "webhook", 2);
  await once("startup", "startup");
  await once("schedule", "fire");
  await once("file_change", "file_change");
});
