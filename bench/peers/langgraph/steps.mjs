// Runs of small steps, checkpointed to sqlite after each: `steps.mjs SECONDS AT_ONCE`, with the folder
// of the data in PEER_DATA. Prints {perSecond, p50, p99}, times in ms.

import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import { SqliteSaver } from "@langchain/langgraph-checkpoint-sqlite";

const [seconds, atOnce] = process.argv.slice(2).map(Number);
const STEPS = 5;
const WARM_MS = 1_000;
const State = Annotation.Root({ sum: Annotation({ reducer: (a, b) => a + b, default: () => 0 }) });
const graph = new StateGraph(State);
for (let at = 1; at <= STEPS; at += 1) {
  graph.addNode(`step${at}`, async () => ({ sum: at }));
  graph.addEdge(at === 1 ? START : `step${at - 1}`, `step${at}`);
}
graph.addEdge(`step${STEPS}`, END);
const checkpointer = SqliteSaver.fromConnString(`${process.env.PEER_DATA}/steps.sqlite`);
// Every checkpoint is to be on disk before the next step, as ours is.
checkpointer.db.pragma("journal_mode = WAL");
checkpointer.db.pragma("synchronous = FULL");
const compiled = graph.compile({ checkpointer });
const times = [];
let isWarm = false;
let isOver = false;

async function lane(number) {
  for (let run = 0; !isOver; run += 1) {
    const beganMs = performance.now();
    const config = { configurable: { thread_id: `${process.pid}-${number}-${run}` }, durability: "sync" };
    const { sum } = await compiled.invoke({ sum: 0 }, config);
    if (sum !== (STEPS * (STEPS + 1)) / 2) throw new Error(`The sum is ${sum}.`);
    if (isWarm) times.push(performance.now() - beganMs);
    // Its sqlite is synchronous: without this no timer would ever fire.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const lanes = Array.from({ length: atOnce }, (_, at) => lane(at));
await new Promise((resolve) => setTimeout(resolve, WARM_MS));
isWarm = true;
await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
isOver = true;
const done = times.length;
await Promise.all(lanes);
times.sort((a, b) => a - b);
const [p50, p99] = [0.5, 0.99].map((share) => times[Math.floor(times.length * share)]);
console.log(JSON.stringify({ perSecond: done / seconds, p50, p99 }));
