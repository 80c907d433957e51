// Images of conversations over the platform's API: whose they are, what a message that was not taken leaves, and
// what they count for.

import { afterAll, beforeAll, expect, test } from "vitest";
import { pictureRow, picturesTable } from "../../../actors/records/picture.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { pngNamed } from "../../support/picture-files.ts";

const STORAGE = 300_000;

let host: HttpHost;
let agent = "";
beforeAll(async () => {
  host = await startHttpHost({ tenantLimits: { storage_bytes: STORAGE } });
  agent = (await host.call("POST", "/v2/agents", { name: "Eye", model_name: "m-1" })).body.id;
});
afterAll(() => host.stop());

const send = (bytes: Uint8Array, more: object = {}) =>
  host.call("POST", `/v2/agents/${agent}/runs`, {
    ...{ input: "What is it?", images: [{ data: Buffer.from(bytes).toString("base64") }] },
    ...more,
  });
const rows = async (tenant = host.tenant): Promise<readonly string[]> =>
  (await host.system.tables.list(tenant, picturesTable, { limit: 100 })).map(({ id }) => id);
const imageOf = async (conversation: string): Promise<string> => {
  const { body } = await host.call("GET", `/v2/conversations/${conversation}/messages`);
  return body.data[0].images[0].id;
};

test("an image is read in its own conversation, by its own tenant", async () => {
  const { conversation_key: mine } = (await send(pngNamed("mine"))).body;
  const { conversation_key: other } = (await send(pngNamed("other"))).body;
  const image = await imageOf(mine);
  const path = (conversation: string) => `/v2/conversations/${conversation}/images/${image}`;

  const headers = { authorization: `Bearer ${host.key}` };
  const shown = await fetch(host.url + path(mine), { headers });
  expect(Buffer.from(await shown.arrayBuffer())).toEqual(pngNamed("mine"));
  expect((await host.call("GET", path(other))).status).toBe(404);
  expect((await host.call("GET", path(mine), undefined, { key: host.otherKey })).status).toBe(404);
  expect(await rows(host.otherTenant)).toEqual([]);
});

test("a message that is refused leaves no bytes, and one that is repeated under its key keeps one", async () => {
  const before = await rows();
  const { conversation_key: cv } = (await send(pngNamed("first"))).body;
  const refused = [
    await send(pngNamed("a"), { conversation_key: "cv_none" }),
    await send(pngNamed("b"), { conversation_key: cv, user_key: "somebody-else" }),
    await send(pngNamed("c"), { conversation_key: cv, max_spend: 1, on_busy: "nothing" }),
  ];
  const headers = { "Idempotency-Key": "image-1" };
  const body = { input: "Twice?", images: [{ data: pngNamed("twice").toString("base64") }] };
  const path = `/v2/agents/${agent}/runs`;
  const first = await host.call("POST", path, body, { headers });
  const again = await host.call("POST", path, body, { headers });

  expect(refused.map(({ status }) => status)).toEqual([404, 404, 400]);
  expect(again.body.id).toBe(first.body.id);
  expect(await rows()).toHaveLength(before.length + 2);
});

test("what a process that died had kept goes with the conversation", async () => {
  const { conversation_key: cv } = (await send(pngNamed("kept"))).body;
  const id = pictureRow(cv, "0".repeat(64));
  const value = { media_type: "image/png", bytes: pngNamed("left") };
  await host.system.tables.write(host.tenant, [{ type: "put", table: picturesTable, id, value }]);

  expect((await host.call("DELETE", `/v2/conversations/${cv}`)).status).toBe(204);

  expect((await rows()).filter((row) => row.startsWith(cv))).toEqual([]);
});

test("images count for what a tenant may store", async () => {
  const before = await rows();
  const large = Buffer.concat([pngNamed("large"), Buffer.alloc(STORAGE)]);

  const refused = await send(large);

  expect(refused.status).toBe(409);
  expect(refused.body).toMatchObject({ code: "TENANT_LIMIT" });
  expect(await rows()).toEqual(before);
});

test("guardrails look at the name of an image, and what they block takes its bytes along", async () => {
  const judge = { type: "judge", model: "judge-1", policy: "No pictures of the kitchen." };
  const guarded = async (check: object, action: string) => {
    const guardrails = [{ name: "rule", on: ["input"], check, action }];
    const fields = { name: "Guarded", model_name: "m-1", guardrails };
    const { body } = await host.call("POST", "/v2/agents", fields);
    const images = [{ name: "bob@example.com.png", data: pngNamed(action).toString("base64") }];
    return await host.call("POST", `/v2/agents/${body.id}/runs`, { input: "Who is it?", images });
  };
  host.llm.script = ({ request: { model } }) => (model === "judge-1" ? '{"score": 0.9}' : "Bob.");
  const before = await rows();

  const redacted = await guarded({ type: "pii" }, "redact");
  const kept = await rows();
  const blocked = await guarded(judge, "block");

  const { body } = await host.call(
    "GET",
    `/v2/conversations/${redacted.body.conversation_key}/messages`,
  );
  expect(body.data[0].content).toBe('Who is it?\n[picture "[EMAIL_1]"]');
  expect(kept).toHaveLength(before.length + 1);
  expect(blocked.body.code).toBe("GUARDRAIL_BLOCKED");
  expect(await rows()).toEqual(kept);
});
