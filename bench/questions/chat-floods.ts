// Does a tenant feel what another one asks for beside chats? One sends a chat after the other, alone and
// beside 50 requests of one kind at once: lists, searches, documents, runs in the background. Kinds take
// turns with the time alone, so that a machine that is slower for a while is so for both. Such a request
// may take milliseconds of the thread that every chat passes, and 50 of them are always ready.

import { type Bench, median, type Question, quantile, type Row, row } from "../question.ts";
import { Connection, runLoad } from "../support/client.ts";
import { createTexts } from "../support/door-collections.ts";
import { nextChat } from "../support/paced.ts";
import { getBytes, requestBytes, type Target } from "../support/target.ts";
import { type Desk, makeDesk, startTroupe, type Troupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

/** Requests of the loud tenant under way at once. */
const AT_ONCE = 50;
/** How long one kind is beside the chats, and how long they are alone before it, s. */
const SECONDS = 4;
const ALONE_SECONDS = 2;
/** Before it counts: the gate needs a few looks at a flood that has just come. */
const SETTLE_MS = 300;
const HTTP_REFUSED = 300;
/** What the loud tenant has: runs, agents, and a collection that is searched in memory. */
const RUNS = 120;
const AGENTS = 40;
const DOCUMENTS = 100;
const PARAGRAPHS = 6;
const WORDS = 90;
const QUESTION_WORDS = 8;
const DOCUMENTS_A_REQUEST = 10;
/** Documents that are written again and again. */
const REWRITTEN = 500;

/** A kind of request: its name, and the next one's bytes. */
interface Kind {
  readonly name: string;
  next(): Buffer;
}

/** What is said of a kind in one round. */
interface Felt {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly loudPerSecond: number;
}

/** Latencies in ms of chats, one after the other, for so long. */
async function chatsFor(target: Target, seconds: number): Promise<number[]> {
  const connection = new Connection({ port: target.port });
  await connection.open();
  const latencyMs: number[] = [];
  const untilMs = performance.now() + seconds * 1_000;
  while (performance.now() < untilMs) {
    const { status, latencyUs } = await connection.send(nextChat(target));
    if (status !== 200) throw new Error(`A chat was answered ${status}.`);
    latencyMs.push(latencyUs / 1_000);
  }
  connection.close();
  return latencyMs;
}

async function feel(quiet: Target, kind: Kind): Promise<Felt> {
  const load = runLoad({
    ...{ port: quiet.port, inFlight: AT_ONCE, warmMs: SETTLE_MS, durationMs: SECONDS * 1_000 },
    next: () => kind.next(),
  });
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const chatsMs = Float64Array.from(await chatsFor(quiet, SECONDS)).sort();
  const { statuses } = await load;
  const answered = Object.entries(statuses);
  const refused = answered.filter(([status]) => Number(status) >= HTTP_REFUSED);
  if (refused.length > 0) throw new Error(`${kind.name} were answered ${refused.join(" ")}.`);
  return {
    p50Ms: quantile(chatsMs, 0.5),
    p99Ms: quantile(chatsMs, 0.99),
    loudPerSecond: answered.reduce((sum, [, count]) => sum + count, 0) / SECONDS,
  };
}

/** What the loud tenant asks for, made of what it has. */
async function makeKinds(troupe: Troupe, desk: Desk): Promise<readonly Kind[]> {
  const { port } = troupe;
  const headers = { authorization: `Bearer ${desk.key}` };
  const texts = createTexts(1);
  const paths = { collections: "/v2/knowledge/collections", agent: `/v2/agents/${desk.agent}` };
  const bytes = (path: string, body: unknown): Buffer =>
    requestBytes({ ...targetOf(troupe, desk), path, headers }, JSON.stringify(body));
  const call = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  const document = (at: number) => ({
    title: `Document ${at}`,
    text: Array.from({ length: PARAGRAPHS }, () => texts.text(at, WORDS)).join("\n\n"),
  });
  const { id: searched } = await call(paths.collections, { name: "searched" });
  const { id: written } = await call(paths.collections, { name: "written" });
  for (let at = 0; at < DOCUMENTS; at += DOCUMENTS_A_REQUEST) {
    const some = Array.from({ length: DOCUMENTS_A_REQUEST }, (_, more) => document(at + more));
    await call(`${paths.collections}/${searched}/documents?wait=true`, some);
  }
  for (let at = 0; at < RUNS; at += 1) {
    await call(`${paths.agent}/runs`, { input: texts.text(at, QUESTION_WORDS) });
  }
  for (let at = 0; at < AGENTS; at += 1) {
    await call("/v2/agents", { name: `Agent ${at}`, system_message: texts.text(at, WORDS) });
  }
  let asked = 0;
  const question = (): string => texts.text(asked++ % DOCUMENTS, QUESTION_WORDS);
  const list = (path: string) => () => getBytes({ port, headers }, `${path}?limit=50`);
  return [
    {
      name: "searches of 600 chunks",
      next: () => bytes(`${paths.collections}/${searched}/search`, { query: question() }),
    },
    { name: "lists of 50 runs", next: list("/v2/runs") },
    { name: "lists of agents", next: list("/v2/agents") },
    {
      name: "dry runs of the router",
      next: () => bytes(`${paths.agent}/route`, { message: question() }),
    },
    {
      name: "documents",
      next: () => {
        const path = `${paths.collections}/${written}/documents/d${asked % REWRITTEN}`;
        const put = bytes(path, { title: "d", text: `${question()} ${texts.text(1, WORDS)}` });
        return Buffer.from(put.toString("latin1").replace("POST", "PUT"), "latin1");
      },
    },
  ];
}

/** The question. */
export const chatFloods: Question = {
  name: "chat-floods",
  async run(bench: Bench): Promise<readonly Row[]> {
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    try {
      const quiet = targetOf(troupe, await makeDesk(troupe));
      const desk = await makeDesk(troupe);
      await warm(bench, [quiet, targetOf(troupe, desk)]);
      const kinds = await makeKinds(troupe, desk);
      const alone: number[][] = kinds.map(() => []);
      const beside: Felt[][] = kinds.map(() => []);
      for (let round = 0; round < bench.rounds; round += 1) {
        for (const [at, kind] of kinds.entries()) {
          alone[at]?.push(median(await chatsFor(quiet, ALONE_SECONDS)));
          const felt = await feel(quiet, kind);
          beside[at]?.push(felt);
          bench.say(`${kind.name}: ${said(felt)}, alone ${alone[at]?.at(-1)?.toFixed(1)} ms`);
        }
      }
      return kinds.map(({ name }, at) => {
        const felt = beside[at] ?? [];
        return row(
          `p50 of chats one after the other beside ${AT_ONCE} ${name} at once, against alone`,
          felt.map(({ p50Ms }) => p50Ms),
          {
            peer: alone[at] ?? [],
            goal: "<= 2x",
            holds: (_, ratio) => ratio <= 2,
            note: felt.map(said).join("; "),
          },
        );
      });
    } finally {
      await troupe.stop();
    }
  },
};

const said = ({ p50Ms, p99Ms, loudPerSecond }: Felt): string =>
  `p50 ${p50Ms.toFixed(1)}, p99 ${p99Ms.toFixed(1)} ms beside ${loudPerSecond.toFixed(0)}/s`;
