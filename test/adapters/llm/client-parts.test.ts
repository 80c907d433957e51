// What callers bring along, as providers are told it: images, calls and their results, one call at a time.

import { afterAll, beforeEach, expect, test } from "vitest";
import type { LlmRequest, PromptMessage } from "../../../actors/ports.ts";
import { createLlm } from "../../../adapters/llm/llm.ts";
import { createFakeProvider } from "../../support/fake-provider.ts";

const provider = await createFakeProvider();
beforeEach(() => provider.reset());
afterAll(() => provider.close());

async function sent(
  kind: "openai" | "anthropic",
  request: Partial<LlmRequest>,
): Promise<Readonly<Record<string, unknown>>> {
  const baseUrl = kind === "openai" ? provider.openaiUrl : provider.anthropicUrl;
  const llm = createLlm({ providers: [{ name: kind, kind, baseUrl, apiKey: "k", models: [""] }] });
  const messages: PromptMessage[] = [{ role: "user", content: "Hi" }];
  await llm.complete(
    { model: "m-1", messages, stream: false, ...request },
    { caller: { tenant: "tn_1", key: "" }, signal: new AbortController().signal },
  );
  return provider.calls().at(-1)?.body ?? {};
}

const images = [
  { url: "https://a.example/x.png", detail: "low" as const, pointer: "/messages/0/content/1" },
  { url: "data:image/png;base64,AAAA" },
];
const tool = { name: "t", description: "d", parameters: { type: "object" } };

test("images are parts of the message in each provider's own form, without our pointers", async () => {
  const messages: PromptMessage[] = [{ role: "user", content: "What is it?", images }];

  const openai = await sent("openai", { messages });
  const anthropic = await sent("anthropic", { messages });

  expect(openai["messages"]).toEqual([
    {
      role: "user",
      content: [
        { type: "text", text: "What is it?" },
        { type: "image_url", image_url: { url: "https://a.example/x.png", detail: "low" } },
        { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
      ],
    },
  ]);
  expect(anthropic["messages"]).toEqual([
    {
      role: "user",
      content: [
        { type: "image", source: { type: "url", url: "https://a.example/x.png" } },
        { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } },
        { type: "text", text: "What is it?" },
      ],
    },
  ]);
});

test("one call at a time is asked for as each provider takes it", async () => {
  const request = { tools: [tool], parallelToolCalls: false } as const;

  expect((await sent("openai", request))["parallel_tool_calls"]).toBe(false);
  expect((await sent("anthropic", request))["tool_choice"]).toEqual({
    ...{ type: "auto", disable_parallel_tool_use: true },
  });
  expect(
    (await sent("anthropic", { ...request, toolChoice: { name: "t" } }))["tool_choice"],
  ).toEqual({ type: "tool", name: "t", disable_parallel_tool_use: true });
});

test("messages with calls declare tools to Anthropic, which refuses them otherwise, and let none be called", async () => {
  const messages: PromptMessage[] = [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "", toolCalls: [{ id: "c", name: "t", arguments: "{}" }] },
    { role: "tool", content: "42", toolCallId: "c" },
  ];

  const body = await sent("anthropic", { messages });

  expect(body["tool_choice"]).toEqual({ type: "none" });
  expect(body["tools"]).toMatchObject([{ name: "t", input_schema: { type: "object" } }]);
});

test("which models take images is configured, or known by name", () => {
  const config = {
    providers: [{ name: "p", kind: "openai", baseUrl: "http://x/v1", apiKey: "" }],
  } as const;
  const llm = createLlm({ ...config, images: { "gpt-4o-text": false, "lab/eye": true } });

  const taking = [
    "gpt-4o",
    "gpt-4.1-mini",
    "gpt-4-turbo",
    "claude-sonnet-4-5",
    "lab/eye",
    "unheard-of",
  ];
  const blind = [
    "gpt-3.5-turbo",
    "gpt-4",
    "gpt-4-0613",
    "o3-mini",
    "gpt-4o-text",
    "builtin",
    "gpt-4o,gpt-4",
  ];
  expect(taking.filter((model) => !llm.takesImages(model))).toEqual([]);
  expect(blind.filter((model) => llm.takesImages(model))).toEqual([]);
  expect(createLlm({ providers: [] }).takesImages("gpt-4o")).toBe(false);
});
