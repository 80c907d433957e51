// Runs of small steps, checkpointed to sqlite after each; the folder of the data is in PEER_DATA.

import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import { SqliteSaver } from "@langchain/langgraph-checkpoint-sqlite";
import { level, measureRuns, STEPS } from "../steps.mjs";

const State = Annotation.Root({ sum: Annotation({ reducer: (a, b) => a + b, default: () => 0 }) });
const graph = new StateGraph(State);
for (let at = 1; at <= STEPS; at += 1) {
  graph.addNode(`step${at}`, async () => ({ sum: at }));
  graph.addEdge(at === 1 ? START : `step${at - 1}`, `step${at}`);
}
graph.addEdge(`step${STEPS}`, END);
const checkpointer = SqliteSaver.fromConnString(`${process.env.PEER_DATA}/steps.sqlite`);
checkpointer.db.pragma("journal_mode = WAL");
checkpointer.db.pragma(`synchronous = ${level === "flushed" ? "FULL" : "NORMAL"}`);
const compiled = graph.compile({ checkpointer });

// Without "sync" a step begins while the checkpoint before it is still being written.
await measureRuns(async (id) => {
  const config = { configurable: { thread_id: id }, durability: "sync" };
  const { sum } = await compiled.invoke({ sum: 0 }, config);
  return sum;
});
