// The program of the runtime's own questions: actors that keep a text, pass one on or start a run of
// small steps. The same on main and on a worker.

import { defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import type { WorkerHost } from "../../runtime/threads/host.ts";

/** Bytes of a message's text. */
export const TEXT_BYTES = 100;
/** Actors in a ring, and actors that keep texts. */
export const ACTORS = 1_000;

/** The actor of a kind with a number. */
export function actorAt(kind: string, number: number): Address {
  return address({ kind, tenant: "tn_bench", root: `r${number}` });
}

interface Note {
  readonly texts: number;
  readonly text: string;
}

/** Keeps the newest text and how many there were. */
const note = defineActor<Note, { readonly text: string }>({
  kind: "note",
  version: 1,
  initial: () => ({ texts: 0, text: "" }),
  receive(state, { text }, turn) {
    turn.reply(state.texts + 1);
    return { texts: state.texts + 1, text };
  },
});

/** Answers and keeps nothing. */
const echo = defineActor<null, { readonly at: number }>({
  kind: "echo",
  version: 1,
  initial: () => null,
  receive(state, { at }, turn) {
    turn.reply(at + 1);
    return state;
  },
});

/** Keeps a text and sends it on to the next of the ring. */
const ring = defineActor<Note, { readonly text: string; readonly at: number }>({
  kind: "ring",
  version: 1,
  initial: () => ({ texts: 0, text: "" }),
  receive(state, { text, at }, turn) {
    turn.send(actorAt("ring", (at + 1) % ACTORS), { text, at: (at + 1) % ACTORS });
    return { texts: state.texts + 1, text };
  },
});

/** What a run of steps is given. */
interface Steps {
  readonly steps: number;
  /** "safe": a step begins when those before it are committed; "never": flushed, with its attempt. */
  readonly repeat: "safe" | "never";
}

/** Starts a run of small steps and answers with its result. */
const desk = defineActor<null, ({ readonly type: "start" } & Steps) | RunEnded>({
  kind: "desk",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if (message.type === "run-ended") {
      const { outcome } = message;
      turn.reply(outcome.status === "completed" ? outcome.result : outcome.status);
      return state;
    }
    const { steps: count, repeat } = message;
    const run = turn.startRun({ kind: "steps", input: { steps: count, repeat } });
    turn.reply(null, { follow: run });
    return state;
  },
});

/** Steps one after another, each with a small result that is stored before the next one begins. */
const steps = defineRun<Steps, number, unknown>({
  kind: "steps",
  async run({ steps: count, repeat }, context) {
    let sum = 0;
    for (let at = 1; at <= count; at += 1) {
      sum += await context.step(`step:${at}`, () => at, { repeat });
    }
    return sum;
  },
});

/** The program. */
export const program: WorkerHost = {
  definitions: [note, echo, ring, desk, steps],
  createPorts: () => ({}),
};
