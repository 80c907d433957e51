// Chats of the AI SDK and threads of AG-UI whose server is killed with kill -9: they go on where they were,
// by their ids alone, while an answer is written and while a decision is waited for.

import { HttpAgent } from "@ag-ui/client";
import { lastAssistantMessageIsCompleteWithApprovalResponses } from "ai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import { Chat, type ChatParts, textIn } from "../support/ui-chat-client.ts";

let product: Product;
let agent = "";
let careful = "";
const pieces = ["The puffins ", "are fed ", "by the keeper ", "on Mondays."];

beforeAll(async () => {
  product = await startProduct();
  product.provider.otherwise({ pieces });
  const make = async (path: string, body: object): Promise<string> =>
    (await product.call("POST", path, body)).body.id;
  agent = await make("/v2/agents", { name: "Guide", model_name: "m-1" });
  const sum = { name: "sum", type: "calculator", requires_confirmation: true };
  const tools = [{ tool: await make("/v2/tools", sum) }];
  careful = await make("/v2/agents", { name: "Careful", model_name: "m-1", tools });
}, 30_000);
afterAll(() => product.end());

const chatOf = (parts: ChatParts, of = agent): Chat =>
  new Chat({ url: product.url, key: product.adminKey, agent: of }, parts);
const restart = async (): Promise<void> => {
  await product.kill();
  await product.start();
};

const threadOf = (threadId: string, of = agent): HttpAgent =>
  new HttpAgent({
    url: `${product.url}/v2/agents/${of}/ag-ui`,
    headers: { "X-API-Key": product.adminKey },
    threadId,
    fetch: endingWhereCut,
  });
/** The client throws a cut of its connection where nobody can catch it: to it the stream ends there. */
async function endingWhereCut(url: string, init: RequestInit): Promise<Response> {
  const { body, status, headers } = await fetch(url, init);
  const reader = body?.getReader();
  const ending = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const next = await reader?.read().catch(() => undefined);
      if (next?.value === undefined) controller.close();
      else controller.enqueue(next.value);
    },
  });
  return new Response(ending, { status, headers });
}
const textsOf = ({ messages }: HttpAgent) => messages.map(({ content }) => content);

test("an answer that the kill cut is resumed from its start, in the same message", async () => {
  const { provider } = product;
  const isSlow = ({ prompt }: { readonly prompt: string }) => prompt.includes("slowly");
  provider.when(isSlow, { pieces, hang: 3, times: 1 });
  // Written so slowly the second time that who resumes comes before its end.
  provider.when(isSlow, { pieces, firstTokenMs: 1_500 });
  const cut = chatOf({ id: "slow" });
  const sending = cut.sendMessage({ text: "Who feeds them, slowly?" });
  await expect.poll(() => textIn(cut.messages[1]), { timeout: 10_000 }).toContain("keeper");
  await restart();
  await sending;
  expect(cut.status).toBe("error");

  const chat = chatOf({ id: "slow", messages: [...cut.messages] });
  await chat.resumeStream();
  const { metadata } = cut.messages[1] ?? {};
  const { conversation_key } = metadata as { readonly conversation_key: string };
  const history = () => product.history(conversation_key);
  await expect.poll(async () => (await history()).length, { timeout: 10_000 }).toBe(2);

  expect(chat.messages).toHaveLength(2);
  expect(chat.messages[1]?.id).toBe(cut.messages[1]?.id);
  expect(textIn(chat.messages[1])).toBe(pieces.join(""));
  expect((await history()).map(([, text]) => text)).toContain(pieces.join(""));
});

test("a decision that is waited for is asked again after the kill, and taken", async () => {
  product.provider.when(({ prompt }) => prompt.includes("The sum?"), {
    text: "Let me see.",
    tools: [{ name: "sum", arguments: { expression: "2+2" } }],
    times: 1,
  });
  const before = chatOf({ id: "decided" }, careful);
  await before.sendMessage({ text: "The sum?" });
  expect(before.messages[1]?.parts.at(-1)).toMatchObject({ state: "approval-requested" });
  await restart();

  const chat = chatOf(
    {
      id: "decided",
      messages: [...before.messages],
      sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
    },
    careful,
  );
  await chat.resumeStream();
  expect(chat.messages.map(({ parts }) => parts)).toEqual(
    before.messages.map(({ parts }) => parts),
  );
  const asked = chat.messages[1]?.parts.at(-1) as unknown as { approval: { id: string } };
  await chat.addToolApprovalResponse({ id: asked.approval.id, approved: true });

  await expect.poll(() => textIn(chat.messages[1]), { timeout: 10_000 }).toContain("Mondays.");
  expect(textIn(chat.messages[1])).toBe(`Let me see.${pieces.join("")}`);
});

test("a thread of AG-UI that the kill cut is shown with the answer that is still written", async () => {
  const { provider } = product;
  const isLate = ({ prompt }: { readonly prompt: string }) => prompt.includes("lately");
  provider.when(isLate, { pieces, hang: 3, times: 1 });
  provider.when(isLate, { pieces, firstTokenMs: 1_500 });
  const cut = threadOf("late");
  cut.addMessage({ id: "u1", role: "user", content: "Who feeds them, lately?" });
  let written = "";
  const running = cut.runAgent(
    {},
    {
      onTextMessageContentEvent: ({ event }) => {
        written += event.delta;
      },
    },
  );
  const ended = running.catch((error: unknown) => error);
  await expect.poll(() => written, { timeout: 10_000 }).not.toBe("");
  await restart();
  await ended;

  const client = threadOf("late");
  await client.runAgent();

  expect(textsOf(client)).toEqual(["Who feeds them, lately?", pieces.join("")]);
});

test("an interrupt of AG-UI is resumed after the kill, by a client that knows its id alone", async () => {
  product.provider.when(({ prompt }) => prompt.includes("The total?"), {
    text: "Let me see.",
    tools: [{ name: "sum", arguments: { expression: "2+2" } }],
    times: 1,
  });
  const before = threadOf("interrupted", careful);
  before.addMessage({ id: "u1", role: "user", content: "The total?" });
  await before.runAgent();
  const interruptId = before.pendingInterrupts[0]?.id ?? "";
  expect(interruptId).toMatch(/^ap_/);
  await restart();

  const client = threadOf("interrupted", careful);
  const payload = { approved: true };
  await client.runAgent({ resume: [{ interruptId, status: "resolved", payload }] });

  expect(client.messages.map(({ role }) => role)).toEqual(["tool", "assistant"]);
  expect(textsOf(client)[1]).toBe(pieces.join(""));
});
