// Mastra + Fastify: a supervisor with three sub-agents, memory in a LibSQL file. The SDK's default
// makes a third call in which the supervisor repeats the answer.

import { createOpenAI } from "@ai-sdk/openai";
import { Mastra } from "@mastra/core";
import { Agent } from "@mastra/core/agent";
import { LibSQLStore } from "@mastra/libsql";
import { Memory } from "@mastra/memory";
import fastify from "fastify";
import { agents, dataFolder, model, names, providerUrl, serve, subPrompt, supervisorPrompt } from "../support.mjs";

const llm = createOpenAI({ baseURL: providerUrl, apiKey: "bench" }).chat(model);
const storage = new LibSQLStore({ id: "bench", url: `file:${dataFolder}/mastra.db` });
const specialists = Object.fromEntries(
  names.map((name) => [
    name,
    new Agent({ id: name, name, description: agents[name], instructions: subPrompt(name), model: llm }),
  ]),
);
const supervisor = new Agent({
  id: "supervisor",
  name: "supervisor",
  instructions: supervisorPrompt,
  model: llm,
  agents: specialists,
  memory: new Memory({ storage }),
});
new Mastra({ agents: { supervisor }, storage, logger: false });
const options = (session) => ({ memory: { thread: session, resource: "bench" } });

await serve({
  fastify,
  async whole(session, message) {
    return (await supervisor.generate(message, options(session))).text;
  },
  async *stream(session, message) {
    const result = await supervisor.stream(message, options(session));
    yield* result.textStream;
  },
});
