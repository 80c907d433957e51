// One turn of a member: its child run, aside from the answer, and what its failure means.

import { type ErrorData, RuntimeError, toErrorData, toldError } from "../../runtime/errors.ts";
import { askTarget } from "../ask-target.ts";
import { endsRun } from "../constraints/scope.ts";
import { limits } from "../limits.ts";
import { isTalk } from "../memory/remembering.ts";
import { targetPlace } from "../targets.ts";
import type { Task, TurnResult, Within } from "../turn-input.ts";
import type { Member } from "./crew.ts";
import { emitTeam, spend, type TeamWork, tokensLeft } from "./work.ts";

/** What a member is asked for. */
export interface MemberAsk {
  /** Names the turn: `round.place`, or the id of a task. */
  readonly turn: string;
  readonly member: Member;
  readonly task: Omit<Task, "show" | "within">;
}

type Next = "fail" | "skip" | "retry" | "substitute";

/**
 * The member's answer, or null when its turn is left out.
 * @throws what the turn failed with when the team fails with it; CANCELLED and DEADLINE of the run.
 */
export async function memberTurn(work: TeamWork, ask: MemberAsk): Promise<TurnResult | null> {
  work.turns += 1;
  const { target } = ask.member;
  const first = await attempt(work, ask, { target, key: `turn:${ask.turn}`, isLast: false });
  if (first.result !== null || first.next === "skip") return first.result;
  const substitute = first.next === "substitute" ? work.crew.substitute : target;
  const again = { target: substitute ?? target, key: `again:${ask.turn}`, isLast: true };
  return (await attempt(work, ask, again)).result;
}

/** Whether a turn was begun in an earlier life of the run: then it goes on, whatever was spent since. */
export function wasBegun({ context }: TeamWork, turn: string): boolean {
  return context.emitted(startedKey(`turn:${turn}`)) !== undefined;
}

interface Try {
  readonly target: string;
  /** Key of the child run. */
  readonly key: string;
  readonly isLast: boolean;
}

type Tried =
  | { readonly result: TurnResult }
  | { readonly result: null; readonly next: Exclude<Next, "fail"> };

const startedKey = (key: string): string => `${key}:started`;

async function attempt(work: TeamWork, ask: MemberAsk, one: Try): Promise<Tried> {
  const { context, meter } = work;
  const { images } = work.asked;
  const { key, target } = one;
  let run: string | null = null;
  const depth = 1 + (work.input.task?.within?.teams.length ?? 0);
  const { turn, member } = ask;
  const event = { type: "member", turn, member: member.name, depth, target } as const;
  try {
    const within = withinFor(work, target);
    work.open.add(key);
    const result = await askTarget(
      context,
      key,
      {
        target,
        of: work.input,
        task: {
          ...{ ...ask.task, ...(images && { images }), show: true },
          ...(isTalk(work.input) && { isTalk: true }),
          ...(within && { within }),
        },
        timeoutMs: work.turnMs,
        aside: true,
        onStart(id) {
          run = id;
          emitTeam(work, startedKey(key), { ...event, state: "started", run });
        },
      },
      meter,
    );
    spend(work, result.usage);
    emitTeam(work, `${key}:ended`, { ...event, state: "completed", run });
    return { result };
  } catch (error) {
    // The run itself was stopped, or another turn has failed for all.
    if (context.signal.aborted || work.isFailing || endsRun(context.id, error)) throw error;
    const next = nextOf(work, one);
    const { code, message }: ErrorData = toldError(toErrorData(error));
    const failed = { ...event, state: "failed", run, error: { code, message }, next } as const;
    emitTeam(work, `${key}:ended`, failed);
    work.failure = error;
    if (next !== "fail") return { result: null, next };
    work.isFailing = true;
    for (const open of work.open) {
      if (open !== key) context.cancelChild(open, "another member failed");
    }
    throw error;
  } finally {
    work.open.delete(key);
  }
}

function nextOf({ crew }: TeamWork, { isLast }: Try): Next {
  const policy = crew.team.on_member_failure ?? "skip";
  return isLast && policy !== "fail" ? "skip" : policy;
}

/** What a team below is told of those above it; undefined for what is no team. */
function withinFor(work: TeamWork, target: string): Within | undefined {
  if (targetPlace(target).kind !== "team") return undefined;
  const { agent, task } = work.input;
  const teams = [...(task?.within?.teams ?? []), agent];
  if (teams.includes(target)) {
    const cycle = [...teams, target];
    const text = `A team would be a member of itself: ${cycle.join(" -> ")}.`;
    throw new RuntimeError("CYCLE", text, { cycle });
  }
  if (teams.length >= limits.teamDepth) {
    const text = `Teams are at most ${limits.teamDepth} deep.`;
    throw new RuntimeError("DEPTH_EXHAUSTED", text);
  }
  const below = task?.within?.turns ?? limits.teamTurnsBelow;
  const turns = Math.max(1, Math.floor(below / Math.max(1, work.turnsPlanned)));
  return { teams, turns, tokens: tokensLeft(work) };
}
