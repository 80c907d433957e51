// What does a team add of its own to a turn of a member? Teams of one and of five agents whose model
// answers at once, on one thread, on disk: the difference by four is a member's turn, its agent's own
// work (routing, prompt, child runs, journal) included.

import { type Question, row } from "../question.ts";
import { each, type Measured, measure } from "../support/run-program.ts";

const TURNS = 2_000;
const TURNS_QUICK = 400;
const MEMBERS = 5;
const GOAL_MS = 1;

/** The question. */
export const teamTurns: Question = {
  name: "team-turns",
  async run(bench) {
    const turns = bench.isQuick ? TURNS_QUICK : TURNS;
    const one: Measured[] = [];
    const five: Measured[] = [];
    for (let at = 0; at < bench.rounds; at += 1) {
      one.push(await measure("team-main", [1, turns]));
      five.push(await measure("team-main", [MEMBERS, turns]));
      bench.say(`p50 ${one.at(-1)?.["p50"]?.toFixed(0)}, ${five.at(-1)?.["p50"]?.toFixed(0)} us`);
    }
    const ms = (rounds: readonly Measured[], figure: string): number[] =>
      each(rounds, figure).map((us) => us / 1_000);
    const added = (figure: string): number[] => {
      const ones = ms(one, figure);
      const of = (whole: number, at: number): number => whole - (ones[at] ?? Number.NaN);
      return ms(five, figure).map((whole, at) => of(whole, at) / (MEMBERS - 1));
    };
    return [
      row(`ms that a member's turn adds to a team of ${MEMBERS}, model's time 0`, added("p50"), {
        goal: `< ${GOAL_MS} ms`,
        holds: (figure) => figure < GOAL_MS,
        note: "with the agent's own work, which a chat with it alone has too",
      }),
      row("the same as CPU of all threads, ms", added("cpu")),
      row(`ms of a turn of a team of ${MEMBERS}, p50`, ms(five, "p50")),
      row("ms of a turn of a team of one, p50", ms(one, "p50")),
    ];
  },
};
