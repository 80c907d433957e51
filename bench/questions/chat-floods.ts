// Do tenants feel what another one asks for beside chats? Quiet ones send chats at a fixed pace, alone and
// beside a hundred times as many requests of one kind, and beside as many as are answered: lists, searches,
// documents. They take turns with the time alone, so that a machine that is slower for a while is so for
// all. Such a request may take milliseconds of the thread that every chat passes.

import type { Bench, Question, Row } from "../question.ts";
import { createTexts } from "../support/door-collections.ts";
import { Felt, feel, LOUD_SECONDS } from "../support/felt.ts";
import { feltRows } from "../support/felt-rows.ts";
import { fullLoad, type Loud, pacedLoad } from "../support/loud.ts";
import { getBytes, requestBytes, type Target } from "../support/target.ts";
import { type Desk, makeDesk, startTroupe, type Troupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

/** Or it has as many under way, and takes all the CPU there is. */
const AT_ONCE = 50;
/** A hundred times as many as a quiet tenant sends. */
const LOUD_PER_SECOND = 100;
/** Quiet tenants that are measured at once: the slowest of too few chats is not their p99. */
const QUIET_TENANTS = 10;
/** Turns of a round, each alone and beside every kind; fewer beside all there is. */
const TURNS = 8;
const FULL_TURNS = 2;
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
interface Kind extends Loud {
  readonly name: string;
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
  const kinds: readonly Omit<Kind, "port">[] = [
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
  return kinds.map((kind) => ({ ...kind, port }));
}

/** One round: what was felt alone, then of each kind beside a hundred times the load, and beside all. */
async function feelAll(
  bench: Bench,
  quiet: readonly Target[],
  kinds: readonly Kind[],
): Promise<readonly Felt[]> {
  const alone = new Felt("alone");
  const paced = kinds.map(({ name }) => new Felt(`beside ${LOUD_PER_SECOND} ${name} a second`));
  const full = kinds.map(({ name }) => new Felt(`beside ${AT_ONCE} ${name} at once`));
  for (let turn = 0; turn < (bench.isQuick ? 1 : TURNS); turn += 1) {
    for (const [at, kind] of kinds.entries()) {
      await feel(quiet, alone);
      await feel(quiet, paced[at] ?? alone, () => pacedLoad(kind, LOUD_PER_SECOND));
      if (turn >= FULL_TURNS) continue;
      await feel(quiet, full[at] ?? alone, () => fullLoad(kind, AT_ONCE, LOUD_SECONDS));
    }
  }
  return [alone, ...paced, ...full];
}

/** The question. */
export const chatFloods: Question = {
  name: "chat-floods",
  async run(bench: Bench): Promise<readonly Row[]> {
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    try {
      const quiet: Target[] = [];
      for (let at = 0; at < QUIET_TENANTS; at += 1) {
        quiet.push(targetOf(troupe, await makeDesk(troupe)));
      }
      const desk = await makeDesk(troupe);
      await warm(bench, [...quiet, targetOf(troupe, desk)]);
      const kinds = await makeKinds(troupe, desk);
      const rounds: (readonly Felt[])[] = [];
      for (let round = 0; round < bench.rounds; round += 1) {
        const felt = await feelAll(bench, quiet, kinds);
        rounds.push(felt);
        for (const one of felt) bench.say(one.said());
      }
      return feltRows(rounds, { who: "quiet tenants", goal: "<= 2x", goals: kinds.length });
    } finally {
      await troupe.stop();
    }
  },
};
