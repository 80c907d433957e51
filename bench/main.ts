// `npm run bench`: runs the questions and prints one table with machine, versions, ratios and spread.
//   npm run bench -- [--only NAME[,NAME]] [--json FILE] [--quick] [--data DIR] [--rounds N]

import { writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { parseArgs } from "node:util";
import type { Question, Row } from "./question.ts";
import { channelAcks } from "./questions/channel-acks.ts";
import { chatBackup } from "./questions/chat-backup.ts";
import { chatEmbedding } from "./questions/chat-embedding.ts";
import { chatFairness } from "./questions/chat-fairness.ts";
import { chatFloods } from "./questions/chat-floods.ts";
import { chatLatency } from "./questions/chat-latency.ts";
import { chatTenants } from "./questions/chat-tenants.ts";
import { chatThroughput } from "./questions/chat-throughput.ts";
import { chatsInFlight } from "./questions/chats-in-flight.ts";
import { crudReads } from "./questions/crud-reads.ts";
import { doorFloods } from "./questions/door-floods.ts";
import { frontDoor } from "./questions/front-door.ts";
import { guardrails } from "./questions/guardrails.ts";
import { idleTriggers } from "./questions/idle-triggers.ts";
import { indexIngest, indexSearch } from "./questions/index-search.ts";
import { ingest } from "./questions/ingest.ts";
import { keptTraces } from "./questions/kept-traces.ts";
import { kill } from "./questions/kill.ts";
import { limitedCalls } from "./questions/limited-calls.ts";
import { memory } from "./questions/memory.ts";
import { openStreams } from "./questions/open-streams.ts";
import { providerCalls } from "./questions/provider-calls.ts";
import { relayCpu } from "./questions/relay-cpu.ts";
import { routing } from "./questions/routing.ts";
import { runtimeAck } from "./questions/runtime-ack.ts";
import { runtimeAcross } from "./questions/runtime-across.ts";
import { runtimeAsk } from "./questions/runtime-ask.ts";
import { runtimeDurable } from "./questions/runtime-durable.ts";
import { runtimeFairness } from "./questions/runtime-fairness.ts";
import { runtimeIdle } from "./questions/runtime-idle.ts";
import { runtimeKill } from "./questions/runtime-kill.ts";
import { runtimeMoves } from "./questions/runtime-moves.ts";
import { runtimeSpawn } from "./questions/runtime-spawn.ts";
import { runtimeSteps } from "./questions/runtime-steps.ts";
import { runtimeTell } from "./questions/runtime-tell.ts";
import { runtimeWake } from "./questions/runtime-wake.ts";
import { sandbox } from "./questions/sandbox.ts";
import { startup } from "./questions/startup.ts";
import { streams } from "./questions/streams.ts";
import { teamTurns } from "./questions/team-turns.ts";
import { turnCost } from "./questions/turn-cost.ts";
import { startFake } from "./support/fake.ts";
import { missingPeers } from "./support/peers.ts";
import { canPin, pinSelf } from "./support/processes.ts";

const questions: readonly Question[] = [
  runtimeTell,
  runtimeSpawn,
  runtimeAsk,
  runtimeAcross,
  runtimeFairness,
  runtimeMoves,
  chatThroughput,
  chatLatency,
  limitedCalls,
  keptTraces,
  chatFairness,
  chatEmbedding,
  chatTenants,
  chatFloods,
  doorFloods,
  channelAcks,
  chatBackup,
  chatsInFlight,
  streams,
  relayCpu,
  openStreams,
  turnCost,
  teamTurns,
  memory,
  kill,
  providerCalls,
  startup,
  frontDoor,
  crudReads,
  routing,
  guardrails,
  sandbox,
  idleTriggers,
  runtimeDurable,
  runtimeAck,
  runtimeWake,
  runtimeKill,
  runtimeSteps,
  runtimeIdle,
  indexSearch,
  indexIngest,
  ingest,
];

const ROUNDS = 5;
const QUICK_ROUNDS = 2;

const USAGE = `usage: npm run bench -- [--only NAME,...] [--rounds N] [--quick] [--data DIR] [--json FILE]
questions: ${questions.map(({ name }) => name).join(", ")}
`;

const values = options();
const only = values.only?.split(",");
const unknown = only?.filter((name) => !questions.some((question) => question.name === name)) ?? [];
if (unknown.length > 0) refuse(`There is no question ${unknown.join(", ")}.`);
const rounds = Number(values.rounds ?? (values.quick ? QUICK_ROUNDS : ROUNDS));
if (!Number.isInteger(rounds) || rounds < 1)
  refuse(`--rounds ${values.rounds} is no number above 0.`);

pinSelf();
const provider = await startFake();
const rows: Row[] = [];
const failed: string[] = [];
const say = (text: string): void => {
  process.stderr.write(`  ${text}\n`);
};
for (const question of questions) {
  if (only !== undefined && !only.includes(question.name)) continue;
  process.stderr.write(`${question.name}\n`);
  try {
    const bench = { isQuick: values.quick, rounds, data: values.data ?? null, provider, say };
    rows.push(...(await question.run(bench)));
  } catch (error) {
    failed.push(`${question.name}: ${error instanceof Error ? error.message : error}`);
    rows.push({ question: question.name, figure: null, ratio: null, goal: "runs", holds: false });
  }
}
await provider.stop();

console.log(machine());
for (const row of rows) {
  const verdict = row.holds === null ? "" : row.holds ? "holds" : "MISSED";
  const ratio = row.ratio === null ? "" : `${row.ratio}x`;
  const spread = row.spread === undefined ? "" : `(${row.spread})`;
  const cells = [`${row.figure ?? "?"}`, ratio, spread, row.goal && `goal ${row.goal}`, verdict];
  console.log(`\n${row.question}\n    ${cells.filter((cell) => cell !== "").join("  ")}`);
  if (row.note !== undefined) console.log(`    ${row.note}`);
}
for (const [name, why] of missingPeers) console.log(`\nmissing peer ${name}: ${why}`);
for (const why of failed) console.log(`\nfailed ${why}`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
process.exit(failed.length > 0 ? 1 : 0);

function options() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: "string" },
        json: { type: "string" },
        quick: { type: "boolean", default: false },
        data: { type: "string" },
        rounds: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    if (!values.help) return values;
  } catch (error) {
    return refuse((error as Error).message);
  }
  process.stdout.write(USAGE);
  process.exit(0);
}

function refuse(why: string): never {
  process.stderr.write(`${why}\n${USAGE}`);
  process.exit(2);
}

function machine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 1024 ** 3);
  const pinned = canPin ? "server pinned to core 0, provider and client to core 1" : "unpinned";
  return `${cpus().length} x ${cpu?.model}, ${memory} GB, Linux ${release()}, Node ${process.version}; ${pinned}`;
}
