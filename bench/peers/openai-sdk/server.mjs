// The usual way to relay tokens: the openai SDK's stream behind Fastify, one call, no routing.

import fastify from "fastify";
import OpenAI from "openai";
import { model, providerUrl, serve, subPrompt } from "../support.mjs";

const openai = new OpenAI({ baseURL: providerUrl, apiKey: "bench" });
const body = (message) => ({
  model,
  messages: [
    { role: "system", content: subPrompt("billing") },
    { role: "user", content: message },
  ],
});

await serve({
  fastify,
  async whole(_session, message) {
    const answer = await openai.chat.completions.create(body(message));
    return answer.choices[0].message.content;
  },
  async *stream(_session, message) {
    const chunks = await openai.chat.completions.create({ ...body(message), stream: true });
    for await (const chunk of chunks) {
      const text = chunk.choices[0]?.delta?.content;
      if (text) yield text;
    }
  },
});
