// Runs that show texts and events in every way a run can: one after the other and side by side, in
// children and in steps of one run, in attempts that fail or turn out to be another text.

import {
  ATTEMPTS_A_LIFE,
  type Attempt,
  type Definition,
  defineActor,
  defineRun,
  type RunContext,
  type RunEnded,
} from "../../../runtime/actor.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Workplace } from "../../../runtime/testkit/workplace.ts";

/** One thing that a run shows. */
export type Part =
  | { readonly do: "event" | "step" }
  | {
      readonly do: "text";
      readonly pieces: number;
      readonly ms: number;
      /** Tries that fail after their text; past `TRIES` the step fails, and its run goes on. */
      readonly fails: number;
      /** The result is no continuation of what was shown. */
      readonly isOther: boolean;
      /** It does not wait for what was written before it. */
      readonly local: boolean;
    }
  | {
      readonly do: "beside";
      readonly how: "children" | "steps";
      readonly parts: readonly Part[][];
    };

/** Tries of a step that writes text. */
export const TRIES = 2;

/** What a run is given of its worker. */
export interface Pause {
  pause(ms: number): Promise<void>;
}

/** Made anew for each worker: a dead one is never woken. */
export const pauseOf = ({ clock }: Workplace): Pause => ({
  pause: (ms) => new Promise((resolve) => void clock.after(ms, resolve)),
});

type Show = RunContext<Pause>;

async function show(context: Show, parts: readonly Part[], at: string): Promise<void> {
  for (const [index, part] of parts.entries()) {
    const key = `${at}${index}`;
    switch (part.do) {
      case "event":
        context.emit(key, { of: context.id, key });
        break;
      case "step":
        await context.step(key, () => null, { repeat: "safe" });
        break;
      case "text":
        await text(context, part, key);
        break;
      case "beside":
        await Promise.all(
          part.parts.map((one, branch) => {
            const name = `${key}.${branch}.`;
            return part.how === "steps"
              ? show(context, one, name)
              : context.child(name, { kind: "show", input: { parts: one, name: at } });
          }),
        );
    }
  }
}

async function text(context: Show, of: Part & { do: "text" }, key: string): Promise<void> {
  const write = async (attempt: Attempt): Promise<{ text: string }> => {
    let all = "";
    for (let n = 0; n < of.pieces; n += 1) {
      const piece = `${key} of ${attempt.number}, ${n}; `;
      all += piece;
      attempt.write(piece);
      await context.ports.pause(of.ms);
    }
    if ((attempt.number - 1) % ATTEMPTS_A_LIFE < of.fails) {
      throw new RuntimeError("PROVIDER_UNAVAILABLE", "Cut off.");
    }
    return { text: of.isOther ? `not ${all}` : all };
  };
  const retry = { times: TRIES - 1, minMs: 5, maxMs: 10 };
  const step = context.step(key, write, { repeat: "safe", local: of.local, retry });
  await step.catch((error: unknown) => {
    if (!(error instanceof RuntimeError) || error.code !== "PROVIDER_UNAVAILABLE") throw error;
  });
}

/** What a show is made of. */
export interface Script {
  readonly parts: readonly Part[];
  /** What the keys of its steps begin with. */
  readonly name: string;
}

type DeskMessage = { readonly type: "start"; readonly script: Script } | RunEnded;

/** A desk that starts a show and says which run it is. */
export const showing: readonly Definition[] = [
  defineActor<null, DeskMessage>({
    kind: "desk",
    version: 1,
    initial: () => null,
    receive(state, message, turn) {
      if (message.type === "start") {
        turn.reply(turn.startRun({ kind: "show", input: message.script }));
      }
      return state;
    },
  }),
  defineRun<Script, null, Pause>({
    kind: "show",
    async run({ parts, name }, context) {
      await show(context, parts, name);
      return null;
    },
  }),
];
