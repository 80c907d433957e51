// Is every acknowledged turn still there, once, after kill -9 at full load? (The peers' answers were
// measured apart: LangGraph + sqlite and Mastra + LibSQL keep all, the others lose some or all.)

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Question, row } from "../question.ts";
import { Connection } from "../support/client.ts";
import { noPace } from "../support/fake.ts";
import { doubtfulMessage, marked, requestBytes } from "../support/target.ts";
import { type Desk, makeDesk, startTroupe, type Troupe, targetOf } from "../support/troupe.ts";

const KILLS = 10;
const KILLS_QUICK = 2;
const IN_FLIGHT = 32;
const RUN_MS = { min: 400, more: 800 } as const;

interface Acknowledged {
  readonly conversation: string;
  readonly message: string;
  readonly answer: string;
}

/** The question. */
export const kill: Question = {
  name: "kill-9",
  async run(bench) {
    await bench.provider.pace(noPace);
    const folder = mkdtempSync(join(tmpdir(), "bench-kill-"));
    const kills = bench.isQuick ? KILLS_QUICK : KILLS;
    let turns = 0;
    let wrong = 0;
    try {
      let troupe = await startTroupe({ providerPort: bench.provider.port, folder, workers: 1 });
      const desk = await makeDesk(troupe);
      for (let at = 0; at < kills; at += 1) {
        const acknowledged = await loadUntilKilled(troupe, desk);
        troupe = await startTroupe({ providerPort: bench.provider.port, folder, workers: 1 });
        for (const one of acknowledged) if (!(await isKept(troupe, desk, one))) wrong += 1;
        turns += acknowledged.length;
        bench.say(`${turns} acknowledged turns, ${wrong} lost or doubled`);
      }
      await troupe.stop();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return [
      row(`acknowledged turns lost or doubled by ${kills} times kill -9`, [wrong], {
        goal: `0 of ${turns}`,
        holds: (figure) => figure === 0 && turns > 0,
      }),
    ];
  },
};

async function loadUntilKilled(troupe: Troupe, desk: Desk): Promise<readonly Acknowledged[]> {
  const target = targetOf(troupe, desk);
  const acknowledged: Acknowledged[] = [];
  let isKilled = false;
  const loop = async (): Promise<void> => {
    const connection = new Connection({ port: troupe.port, keepsBody: true });
    try {
      await connection.open();
      while (!isKilled) {
        const message = marked(doubtfulMessage);
        const { status, body } = await connection.send(
          requestBytes(target, target.body("", message, false)),
        );
        if (status !== 200) continue;
        const { data } = JSON.parse(body);
        const conversation = data.conversation_key;
        acknowledged.push({ conversation, message, answer: data.response });
      }
    } catch {
      // The kill cuts every connection; what was not answered was not acknowledged.
    }
  };
  const loops = Array.from({ length: IN_FLIGHT }, loop);
  const runMs = RUN_MS.min + Math.random() * RUN_MS.more;
  await new Promise((resolve) => {
    setTimeout(resolve, runMs);
  });
  await troupe.running.stop("SIGKILL");
  isKilled = true;
  await Promise.all(loops);
  return acknowledged;
}

async function isKept(troupe: Troupe, desk: Desk, turn: Acknowledged): Promise<boolean> {
  const path = `/v1/proxy/core-agent-conversation-details/${turn.conversation}`;
  const response = await fetch(`http://127.0.0.1:${troupe.port}${path}`, {
    headers: { "x-api-key": desk.key },
  });
  if (response.status !== 200) return false;
  const { data } = (await response.json()) as {
    data: { messages: { role: string; content: string }[] };
  };
  const [asked, answered, ...rest] = data.messages;
  return rest.length === 0 && asked?.content === turn.message && answered?.content === turn.answer;
}
