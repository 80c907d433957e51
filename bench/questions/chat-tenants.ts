// Does a tenant feel another one that sends a hundred times as much? Quiet tenants send chats at a fixed
// pace, alone, beside a loud one, and beside one that sends as fast as it is answered. The three take
// turns every few seconds, so that a machine that is slower for a while is so for all of them. What it
// makes of that load itself is measured at the same time: puts with their flushes, in another process.

import { type Bench, median, type Question, row } from "../question.ts";
import { fullLoad, type Load, type Loud, pacedLoad } from "../support/loud.ts";
import { nextChat, p99Of, pacedChats } from "../support/paced.ts";
import { measure } from "../support/run-program.ts";
import { calmly } from "../support/stolen.ts";
import type { Target } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

/** Chats a second of a quiet tenant; the loud one sends `TIMES` as many. */
const QUIET_PER_SECOND = 4;
/** Quiet tenants that are measured at once: the slowest of too few chats is not their p99. */
const QUIET_TENANTS = 5;
const TIMES = 100;
/** Load of a tenant that waits for each answer on so many connections. */
const SATURATING = 100;
/** Turns of a round, and how long each of the three takes in one, s. */
const TURNS = 4;
const SECONDS = 4;

/** What was measured in one turn: latencies of the quiet tenants' chats and p99 of a put, ms. */
interface Felt {
  readonly chatsMs: readonly number[];
  readonly putMs: number;
  /** Chats of the loud tenant that were answered. */
  readonly loudPerSecond: number;
}

/** The turns of one kind in a round. */
class Turns {
  readonly #name: string;
  readonly #measure: () => Promise<Felt>;
  readonly #felt: Felt[] = [];
  readonly #stolen: number[] = [];

  constructor(name: string, measure: () => Promise<Felt>) {
    this.#name = name;
    this.#measure = measure;
  }

  async next(): Promise<void> {
    const { value, stolen } = await calmly(this.#measure);
    this.#felt.push(value);
    this.#stolen.push(stolen);
  }

  /** p99 of all its chats, ms. */
  p99Ms(): number {
    return p99Of(this.#felt.flatMap(({ chatsMs }) => chatsMs));
  }

  said(): string {
    const perSecond = median(this.#felt.map(({ loudPerSecond }) => loudPerSecond));
    const load = perSecond === 0 ? "" : `${perSecond.toFixed(0)}/s `;
    const put = median(this.#felt.map(({ putMs }) => putMs)).toFixed(1);
    const taken = `${(Math.max(...this.#stolen) * 100).toFixed(1)} % of the CPU stolen at most`;
    return `${this.#name} ${load}${this.p99Ms().toFixed(1)} ms (a put and flush ${put}; ${taken})`;
  }
}

const chatsOf = (target: Target): Loud => ({ port: target.port, next: () => nextChat(target) });

async function feel(quiet: readonly Target[], load: () => Promise<Load>): Promise<Felt> {
  const stop = await load();
  const [put, chatsMs] = await Promise.all([
    measure("put-batch-main", [1, SECONDS - 1]),
    pacedChats(quiet, { perSecond: QUIET_PER_SECOND, seconds: SECONDS }),
  ]);
  const answered = await stop();
  return { chatsMs, putMs: put["p99"] ?? Number.NaN, loudPerSecond: answered / SECONDS };
}

/** The question. */
export const chatTenants: Question = {
  name: "chat-tenants",
  async run(bench: Bench) {
    const turns = bench.isQuick ? 1 : TURNS;
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    try {
      const quiet: Target[] = [];
      for (let at = 0; at < QUIET_TENANTS; at += 1) {
        quiet.push(targetOf(troupe, await makeDesk(troupe)));
      }
      const loud = targetOf(troupe, await makeDesk(troupe));
      await warm(bench, [...quiet, loud]);
      const p99s: number[][] = [];
      const ofKind = (kind: number): number[] => p99s.map((ms) => ms[kind] ?? Number.NaN);
      let note = "";
      for (let round = 0; round < bench.rounds; round += 1) {
        const kinds = [
          new Turns("alone", () => feel(quiet, async () => () => 0)),
          new Turns("beside", () =>
            feel(quiet, () => pacedLoad(chatsOf(loud), QUIET_PER_SECOND * TIMES)),
          ),
          new Turns("beside all there is", () =>
            feel(quiet, () => fullLoad(chatsOf(loud), SATURATING, SECONDS)),
          ),
        ];
        for (let turn = 0; turn < turns; turn += 1) for (const kind of kinds) await kind.next();
        p99s.push(kinds.map((kind) => kind.p99Ms()));
        note = kinds.map((kind) => kind.said()).join(", ");
        bench.say(note);
      }
      return [
        row(`p99 of a quiet tenant beside ${TIMES} times its load, against alone`, ofKind(1), {
          peer: ofKind(0),
          goal: "<= 2x",
          holds: (_, ratio) => ratio <= 2,
          note,
        }),
        row(`p99 of a quiet tenant beside ${SATURATING} chats at once, against alone`, ofKind(2), {
          peer: ofKind(0),
          note: "the loud tenant takes all the CPU there is",
        }),
      ];
    } finally {
      await troupe.stop();
    }
  },
};
