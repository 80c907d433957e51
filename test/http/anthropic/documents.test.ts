// Documents that are text, through the official SDK: in what the user says and in results of tools.

import Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
let client: Anthropic;
let model = "";

beforeAll(async () => {
  host = await startHttpHost();
  client = new Anthropic({ apiKey: host.key, baseURL: host.url, maxRetries: 0 });
  const { body } = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  model = `agent:${body.id}`;
});
afterAll(() => host.stop());

const create = (content: Anthropic.ContentBlockParam[]) =>
  client.messages.create({ model, max_tokens: 100, messages: [{ role: "user", content }] });
const told = () => host.llm.requests.at(-1)?.messages.at(-1);
const plain = (data: string) => ({ type: "text", media_type: "text/plain", data }) as const;

test("a document of the user stands where it was, with its title and what it is about", async () => {
  await create([
    { type: "text", text: "Here it is." },
    {
      ...{ type: "document", source: plain("Travel is paid."), title: "Rules" },
      ...{ context: "Of 2026.", citations: { enabled: true } },
    },
    {
      type: "document",
      source: { type: "content", content: [{ type: "text", text: "So is food." }] },
    },
    { type: "text", text: "Is food paid?" },
  ]);

  expect(told()).toEqual({
    role: "user",
    content: "Here it is.\nRules\nOf 2026.\nTravel is paid.\nSo is food.\nIs food paid?",
  });
});

test("a document alone is a message, also behind a result; and a result may be one", async () => {
  await create([{ type: "document", source: plain("Only this.") }]);
  expect(told()).toEqual({ role: "user", content: "Only this." });

  const call = { type: "tool_use" as const, id: "c1", name: "read", input: {} };
  const document = (data: string) => ({ type: "document" as const, source: plain(data) });
  await client.messages.create({
    ...{ model, max_tokens: 100 },
    tools: [{ name: "read", input_schema: { type: "object" } }],
    messages: [
      { role: "user", content: "Read." },
      { role: "assistant", content: [call] },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "c1", content: [document("Of the tool.")] },
          document("Of the user."),
        ],
      },
    ],
  });

  expect(host.llm.requests.at(-1)?.messages.slice(-2)).toEqual([
    { role: "tool", toolCallId: "c1", content: "Of the tool." },
    { role: "user", content: "Of the user." },
  ]);
});

test("a document that is no text is refused where its source says so", async () => {
  const source = { type: "url", url: "https://a.example/x.pdf" } as const;

  await expect(create([{ type: "document", source }])).rejects.toMatchObject({
    status: 400,
    error: { error: { details: { pointer: "/messages/0/content/0/source/type" } } },
  });
});
