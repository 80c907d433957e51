// Vercel AI SDK + Fastify: `Output.choice` routes, `generateText` or `streamText` answers. It has no
// store of its own, so that histories are a Map.

import { createOpenAI } from "@ai-sdk/openai";
import { generateText, Output, streamText } from "ai";
import fastify from "fastify";
import { model, names, providerUrl, serve, subPrompt, supervisorPrompt, triggers } from "../support.mjs";

const openai = createOpenAI({ baseURL: providerUrl, apiKey: "bench" });
const llm = openai.chat(model);
const histories = new Map();

async function prepare(session, message) {
  const messages = histories.get(session) ?? [];
  messages.push({ role: "user", content: message });
  histories.set(session, messages);
  const { output } = await generateText({
    model: llm,
    system: `${supervisorPrompt}\n${triggers}`,
    messages,
    output: Output.choice({ options: names }),
  });
  return { model: llm, system: subPrompt(output), messages };
}

await serve({
  fastify,
  async whole(session, message) {
    const options = await prepare(session, message);
    const { text } = await generateText(options);
    options.messages.push({ role: "assistant", content: text });
    return text;
  },
  async *stream(session, message) {
    const options = await prepare(session, message);
    yield* streamText(options).textStream;
  },
});
