// VoltAgent + Fastify: a supervisor with three sub-agents, memory in a LibSQL file. Its default makes
// a third call in which the supervisor repeats the answer.

import { createOpenAI } from "@ai-sdk/openai";
import { Agent, Memory } from "@voltagent/core";
import { LibSQLMemoryAdapter } from "@voltagent/libsql";
import fastify from "fastify";
import { agents, dataFolder, model, names, providerUrl, serve, subPrompt, supervisorPrompt } from "../support.mjs";

const llm = createOpenAI({ baseURL: providerUrl, apiKey: "bench" }).chat(model);
const memory = new Memory({ storage: new LibSQLMemoryAdapter({ url: `file:${dataFolder}/volt.db` }) });
const specialists = names.map(
  (name) => new Agent({ name, purpose: agents[name], instructions: subPrompt(name), model: llm, memory }),
);
const supervisor = new Agent({
  name: "supervisor",
  instructions: supervisorPrompt,
  model: llm,
  subAgents: specialists,
  memory,
});
const options = (session) => ({ userId: "bench", conversationId: session });

await serve({
  fastify,
  async whole(session, message) {
    return (await supervisor.generateText(message, options(session))).text;
  },
  async *stream(session, message) {
    const result = await supervisor.streamText(message, options(session));
    yield* result.textStream;
  },
});
