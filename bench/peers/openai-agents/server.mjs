// OpenAI Agents SDK + Fastify: a triage agent hands off to one of three; memory sessions, no tracing.

import { Agent, MemorySession, Runner, setDefaultOpenAIClient, setOpenAIAPI, setTracingDisabled } from "@openai/agents";
import fastify from "fastify";
import OpenAI from "openai";
import { agents, model, names, providerUrl, serve, subPrompt, supervisorPrompt } from "../support.mjs";

setDefaultOpenAIClient(new OpenAI({ baseURL: providerUrl, apiKey: "bench" }));
setOpenAIAPI("chat_completions");
setTracingDisabled(true);
const specialists = names.map(
  (name) => new Agent({ name, model, instructions: subPrompt(name), handoffDescription: agents[name] }),
);
const triage = new Agent({ name: "supervisor", model, instructions: supervisorPrompt, handoffs: specialists });
const runner = new Runner({ tracingDisabled: true });
const sessions = new Map();
const sessionOf = (id) => {
  let session = sessions.get(id);
  if (!session) sessions.set(id, (session = new MemorySession({ sessionId: id })));
  return session;
};

await serve({
  fastify,
  async whole(session, message) {
    const result = await runner.run(triage, message, { session: sessionOf(session) });
    return result.finalOutput;
  },
  async *stream(session, message) {
    const result = await runner.run(triage, message, { session: sessionOf(session), stream: true });
    yield* result.toTextStream();
    await result.completed;
  },
});
