// The other side: what runs call and what a crash does not touch. It keeps every call, effect, query
// and answer with its time, and behaves as the plan says.

import type { Attempt } from "../../../runtime/actor.ts";
import type { Timer } from "../../../runtime/clock.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Workplace } from "../../../runtime/testkit/workplace.ts";
import type { How } from "./script.ts";

/** Something the other side has seen. `token` names the effect or the answer. */
export interface Seen {
  readonly what: "call" | "effect" | "answer" | "query";
  readonly job: string;
  readonly key: string;
  readonly passedMs: number;
  /** Number of the attempt, as the runtime gives it. */
  readonly attempt: number;
  readonly token: string;
}

/** One call of a step. */
export interface WorldCall {
  readonly job: string;
  readonly key: string;
  readonly how: How;
  readonly ms: number;
}

/** What a run of one worker is given as its ports. */
export interface Outside {
  call(call: WorldCall, attempt: Attempt): Promise<string>;
  /** What became of a call: its token, or undefined when it had no effect. */
  query(job: string, key: string, attempt: Attempt): Promise<string | undefined>;
  /** Waits without the runtime knowing. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
  /** Waits, whatever anybody says. */
  linger(ms: number): Promise<void>;
  /** Notes that a run of a job has come to a step. */
  mark(job: string, key: string, run: { readonly id: string; readonly deadlineMs: number }): void;
}

/** A power cut, as the runs see it. */
export interface Cut {
  /** How much of `World.seen` came before it. */
  readonly seen: number;
  /** Steps whose end was stored and not flushed. */
  readonly lost: readonly { readonly job: string; readonly key: string }[];
}

/** The time of a simulation, and its trace. */
export interface WorldTime {
  passedMs(): number;
  /** What the clocks show. */
  nowMs(): number;
  note(text: string): void;
}

/** The other side of one simulation. */
export class World {
  readonly seen: Seen[] = [];
  /** Times each message's handler has thrown. */
  readonly thrown = new Map<string, number>();
  /** When a run was last at a step, by job and key. */
  readonly marks = new Map<string, number>();
  /** By what the clock showed when a run was at a step at its earliest, by run and key. */
  readonly begunMs = new Map<string, number>();
  /** Whose job a run performs and when it is to end, by its id. */
  readonly runs = new Map<string, { readonly job: string; readonly deadlineMs: number }>();
  readonly cuts: Cut[] = [];
  readonly #time: WorldTime;
  #tokens = 0;

  constructor(time: WorldTime) {
    this.#time = time;
  }

  /** Throws while the message is to fail. */
  trouble(id: string, fails: number): void {
    const thrown = this.thrown.get(id) ?? 0;
    if (thrown >= fails) return;
    this.thrown.set(id, thrown + 1);
    throw new Error(`${id} fails on purpose`);
  }

  /** The power fails, and with it goes what is stored of the ends of these steps. */
  cut(steps: readonly { readonly run: string; readonly key: string }[]): void {
    const lost = steps.map(({ run, key }) => ({ job: this.runs.get(run)?.job ?? "", key }));
    this.cuts.push({ seen: this.seen.length, lost });
  }

  /** The world as one worker reaches it: when that dies, nothing on its way goes on. */
  outsideOf(place: Workplace): Outside {
    return {
      call: (call, attempt) => this.#call(place, call, attempt),
      query: async (job, key, attempt) => {
        const effect = this.seen.find(
          (one) => one.what === "effect" && one.job === job && one.key === key,
        );
        this.#note("query", { job, key }, attempt, effect?.token ?? "");
        await pause(place, 5, attempt.signal);
        return effect?.token;
      },
      pause: (ms, signal) => pause(place, ms, signal),
      linger: (ms) => pause(place, ms, new AbortController().signal),
      mark: (job, key, { id, deadlineMs }) => {
        this.marks.set(`${job}|${key}`, this.#time.passedMs());
        const step = `${id}|${key}`;
        const earlierMs = this.begunMs.get(step) ?? Number.POSITIVE_INFINITY;
        this.begunMs.set(step, Math.min(earlierMs, this.#time.nowMs()));
        this.runs.set(id, { job, deadlineMs });
      },
    };
  }

  async #call(place: Workplace, call: WorldCall, attempt: Attempt): Promise<string> {
    const { how, ms } = call;
    const isFirst = !this.seen.some(
      (one) => one.what === "call" && one.job === call.job && one.key === call.key,
    );
    this.#tokens += 1;
    const token = `t${this.#tokens}`;
    this.#note("call", call, attempt, token);
    if (how === "hang") await pause(place, 1_000_000, attempt.signal);
    await pause(place, ms / 2, attempt.signal);
    if (how === "fatal") throw new RuntimeError("PROVIDER_FAILED", "It will never work.");
    if (how === "flaky" && isFirst) throw new RuntimeError("PROVIDER_LIMITED", "Not now.");
    this.#note("effect", call, attempt, token);
    await pause(place, ms / 2, attempt.signal);
    if (how === "lost" && isFirst) throw new RuntimeError("PROVIDER_UNAVAILABLE", "Cut off.");
    this.#note("answer", call, attempt, token);
    return token;
  }

  #note(
    what: Seen["what"],
    of: { readonly job: string; readonly key: string },
    attempt: Attempt,
    token: string,
  ): void {
    const { job, key } = of;
    const passedMs = this.#time.passedMs();
    this.seen.push({ what, job, key, passedMs, attempt: attempt.number, token });
    this.#time.note(`${what} ${job} ${key} ${attempt.number}`);
  }
}

/** Goes on after `ms`; cut by the signal; never goes on when the worker has died. */
function pause(place: Workplace, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    const cut = (): void => {
      timer?.cancel();
      reject(signal.reason);
    };
    if (signal.aborted) {
      cut();
      return;
    }
    signal.addEventListener("abort", cut, { once: true });
    timer = place.clock.after(ms, () => {
      signal.removeEventListener("abort", cut);
      resolve();
    });
  });
}
