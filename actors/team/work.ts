// What one run of a team works on: the question, what was said, what was spent, and when to stop.

import type { RunContext } from "../../runtime/actor.ts";
import type { Asked } from "../answer/history.ts";
import type { Speaking } from "../guard/input.ts";
import { addUsage } from "../money/spent.ts";
import type { Ports, PromptMessage, Usage } from "../ports.ts";
import type { TeamEvent } from "../records/team-event.ts";
import type { Meter } from "../spend.ts";
import { takeSteered } from "../steering.ts";
import type { TurnInput, TurnResult } from "../turn-input.ts";
import type { Crew, Member } from "./crew.ts";
import type { Said } from "./transcript.ts";

/** A turn of a member that gave an answer. */
export interface Heard {
  readonly member: Member;
  readonly result: TurnResult;
}

/** Work under way. It is only added to, in an order that a resumed run repeats. */
export interface TeamWork {
  readonly context: RunContext<Ports>;
  readonly input: TurnInput;
  readonly meter: Meter;
  readonly crew: Crew;
  /** The leader as it speaks in this run, from its first word on. */
  leading: Promise<Speaking<Asked>> | null;
  /** What the user, or the run above, asks. */
  readonly asked: Asked;
  /** What was said before this team began. */
  readonly before: readonly PromptMessage[];
  readonly said: Said[];
  readonly heard: Heard[];
  /** What the last failed turn failed with. */
  failure: unknown;
  usage: Usage;
  /** Turns begun. */
  turns: number;
  /** Turns that may begin. */
  readonly turnsMax: number;
  /** Turns that there will be unless something ends it before: those below share what is left by it. */
  turnsPlanned: number;
  readonly tokensMax: number | null;
  /** Longest time of one turn, ms. */
  readonly turnMs: number;
  /** Keys of child runs under way. */
  readonly open: Set<string>;
  /** A turn has failed, and the run fails with it. */
  isFailing: boolean;
  /** Sequences of steered messages that were taken. */
  readonly steered: number[];
}

/** Why the members are heard no more. */
export type Stop = Pick<Extract<TeamEvent, { type: "team_stop" }>, "by" | "reason">;

/** Adds what a call or a turn has used. */
export function spend(work: TeamWork, usage: Usage): void {
  work.usage = addUsage(work.usage, usage);
}

/** Tokens that may still be spent; null: no limit. */
export function tokensLeft({ tokensMax, usage }: TeamWork): number | null {
  return tokensMax === null
    ? null
    : Math.max(0, tokensMax - usage.promptTokens - usage.completionTokens);
}

/** The limit that forbids another turn, if one does. */
export function spentOut(work: TeamWork): Stop | null {
  if (tokensLeft(work) === 0) {
    return { by: "tokens", reason: `${work.tokensMax} tokens are spent (max_tokens).` };
  }
  if (work.turns < work.turnsMax) return null;
  return { by: "turns", reason: `A team here takes at most ${work.turnsMax} turns.` };
}

/** Takes what the user has sent meanwhile into what is said. Only the run of the user's message does. */
export async function hearSteered(work: TeamWork, key: string): Promise<void> {
  const { context, input } = work;
  if (input.owner !== "conversation" || input.task !== undefined) return;
  const { text, sequences } = await takeSteered(context, key);
  if (text === "") return;
  work.said.push({ speaker: "user", text });
  work.steered.push(...sequences);
}

/** Shows an event of the team. */
export function emitTeam(work: TeamWork, key: string, event: TeamEvent): void {
  work.context.emit(key, event);
}
