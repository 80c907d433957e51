// A tenant that has something of every kind, each with a text that stands nowhere else, made through the
// front door: what must be gone when the tenant is.

import type { Product } from "./product.ts";
import { skillBody } from "./skill-files.ts";
import type { Json } from "./wire-client.ts";

/** A tenant of the product. */
export interface Planted {
  readonly tenant: string;
  readonly key: string;
  /** Every text that was planted: `mark` and a word for what it stands in. */
  readonly texts: readonly string[];
  /** Of them: what is stored, if at all, sealed or as a hash. */
  readonly secrets: readonly string[];
}

/** Documents enough for files of an index. */
export const INDEXED = 4_200;
const PAGE = 100;

/** Makes one with so many documents; `mark` is a text of letters and digits that stands nowhere else. */
export async function plantTenant(
  product: Pick<Product, "adminKey" | "call">,
  mark: string,
  count: number = PAGE,
): Promise<Planted> {
  const texts: string[] = [];
  const plant = (word: string): string => {
    texts.push(`${mark}${word}`);
    return `${mark}${word}`;
  };
  const secrets: string[] = [];
  const secret = (word: string): string => {
    secrets.push(plant(word));
    return `${mark}${word}`;
  };
  const operator = { key: product.adminKey };
  const must = async (path: string, body?: unknown, more: object = operator): Promise<Json> => {
    const method = body === undefined ? "GET" : "POST";
    const answer = await product.call(method, path, body, more);
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  };
  const { id: tenant } = await must("/admin/tenants", { name: plant("tenantname") });
  await must(`/admin/tenants/${tenant}/credit`, { amount: 10_000, note: plant("note") });
  const named = { name: plant("keyname"), tenant, role: "owner", allowed_services: ["*"] };
  const { key } = await must("/admin/keys", named);
  const make = (path: string, body?: unknown): Promise<Json> =>
    must(path, body, { key, headers: { "Idempotency-Key": secret(`key${texts.length}`) } });

  await make("/v2/webhooks/secret");
  const prompt = await make("/v2/prompts", {
    name: plant("promptname"),
    template: plant("prompt"),
  });
  const tool = await make("/v2/tools", {
    ...{ name: plant("tool"), type: "http_request", description: plant("tooldescription") },
    config: {
      url: `https://api.example.com/${plant("url")}`,
      headers: { Authorization: secret("toolsecret") },
    },
  });
  const file = { "references/more.md": plant("skillfile") };
  const skill = await make("/v2/skills", skillBody("planted", file, plant("skilltext")));
  const collection = await make("/v2/knowledge/collections", { name: plant("collection") });
  const documents = `/v2/knowledge/collections/${collection.id}/documents?wait=true`;
  const body = plant("document");
  for (let at = 0; at < count; at += PAGE) {
    const page = Array.from({ length: Math.min(PAGE, count - at) }, (_, n) => ({
      ...{ id: `d${at + n}`, title: `${mark}title`, text: `${body} number ${at + n} of them.` },
      metadata: { about: `${mark}metadata` },
    }));
    await must(documents, page, { key });
  }
  const agent = await make("/v2/agents", {
    ...{ name: plant("agent"), system_message: plant("systemmessage") },
    memory: { type: "vector_db" },
    guardrails: [
      { on: ["input"], check: { type: "words", words: [plant("guarded")] }, action: "flag" },
    ],
    skills: [{ id: skill.id }],
    tools: [{ tool: tool.id }],
  });
  await make(`/v2/agents/${agent.id}/sub-agents`, {
    ...{ name: plant("subagent"), use_rag: true, collection_key: collection.id },
    trigger: { keywords: [plant("keyword")] },
  });
  await make(`/v2/agents/${agent.id}/runs`, {
    ...{ input: plant("question"), user_key: plant("user") },
  });
  await make("/v2/memories", { agent_key: agent.id, user_key: "ann", text: plant("memory") });
  const dataset = await make("/v2/datasets", { name: plant("dataset") });
  const question = { role: "user", content: plant("item") };
  await make(`/v2/datasets/${dataset.id}/items`, { messages: [question] });
  await make("/v2/teams", {
    ...{ name: plant("team"), mode: "coordinate" },
    members: [{ agent: agent.id }],
  });
  const graph_definition = {
    nodes: [
      { id: "wait", type: "event", event: plant("event") },
      { id: "end", type: "end" },
    ],
    edges: [{ from: "wait", to: "end" }],
  };
  const flow = await make("/v2/workflows", { name: plant("workflow"), graph_definition });
  await make(`/v2/workflows/${flow.id}/runs`, {
    ...{ input: { order: plant("order") }, mode: "background" },
  });
  await make("/v2/packs", {
    source: `pack: ${plant("pack")}\nprompts:\n  - { key: p, name: ${plant("packed")}, template: Hi }`,
  });
  await product.call("DELETE", `/v2/prompts/${prompt.id}`, undefined, { key });
  const put = async (name: string, body: object): Promise<void> => {
    const answer = await product.call("PUT", `/v2/integrations/${name}`, body, { key });
    if (answer.status >= 300) throw new Error(`${name}: ${JSON.stringify(answer.body)}`);
  };
  const shop = plant("shop");
  await put(shop, { type: "api_key", allowed_hosts: ["api.example.com"] });
  await put(plant("login"), {
    ...{ type: "oauth2", client_id: plant("client"), client_secret: secret("clientsecret") },
    ...{ issuer: "https://login.example.com", allowed_hosts: ["api.example.com"] },
  });
  const user_key = plant("tokenuser");
  await must(
    "/v2/tokens",
    { integration: shop, user_key, secret: secret("accountsecret") },
    { key },
  );
  // It is reached at once: what it tells is kept until somebody takes it.
  const url = `https://example.com/${plant("hook")}`;
  await must("/admin/alerts", { type: "balance", below: 20_000, url }, { key });
  await must(`/admin/tenants/${tenant}/debit`, { amount: 1, note: plant("debit") });
  // With the sums of usage come the notices of alerts.
  await must("/admin/usage", undefined, { key });
  const check = { type: "words", words: [plant("chain")] };
  const chain = { guardrails: [{ on: ["output"], check, action: "flag" }] };
  await product.call("PUT", "/v2/guardrails", chain, { key });
  await must("/admin/budgets", { scope: "agent", subject: agent.id, limit: 1_000 }, { key });
  return { tenant, key, texts, secrets: [...secrets, key] };
}
