// LangGraph.js + Fastify: a graph of our own (route, then the chosen agent), checkpointed to sqlite.

import { ChatOpenAI } from "@langchain/openai";
import { Annotation, END, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";
import { SqliteSaver } from "@langchain/langgraph-checkpoint-sqlite";
import fastify from "fastify";
import { dataFolder, model, names, providerUrl, serve, subPrompt, supervisorPrompt, triggers } from "../support.mjs";

const llm = new ChatOpenAI({ model, apiKey: "bench", configuration: { baseURL: providerUrl }, useResponsesApi: false });
const router = llm.bindTools(
  [
    {
      type: "function",
      function: {
        name: "route",
        description: `Choose the agent.\n${triggers}`,
        parameters: { type: "object", properties: { agent: { type: "string", enum: names } }, required: ["agent"] },
      },
    },
  ],
  { tool_choice: "required" },
);
const State = Annotation.Root({ ...MessagesAnnotation.spec, agent: Annotation() });
const graph = new StateGraph(State).addNode("route", async (state) => {
  const answer = await router.invoke([{ role: "system", content: supervisorPrompt }, ...state.messages]);
  return { agent: answer.tool_calls[0].args.agent };
});
for (const name of names) {
  graph.addNode(name, async (state) => ({
    messages: [await llm.invoke([{ role: "system", content: subPrompt(name) }, ...state.messages])],
  }));
  graph.addEdge(name, END);
}
graph.addEdge(START, "route").addConditionalEdges("route", (state) => state.agent, names);
const compiled = graph.compile({ checkpointer: SqliteSaver.fromConnString(`${dataFolder}/langgraph.sqlite`) });
const config = (session) => ({ configurable: { thread_id: session } });
const input = (message) => ({ messages: [{ role: "user", content: message }] });

await serve({
  fastify,
  async whole(session, message) {
    const state = await compiled.invoke(input(message), config(session));
    return state.messages.at(-1).content;
  },
  async *stream(session, message) {
    const parts = await compiled.stream(input(message), { ...config(session), streamMode: "messages" });
    for await (const [part, { langgraph_node: node }] of parts) {
      if (node !== "route" && part.content) yield part.content;
    }
  },
});
