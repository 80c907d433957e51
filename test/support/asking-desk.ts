// A desk whose run asks another actor one question; who sends to it follows that run.

import { type Definition, defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import type { Address } from "../../runtime/address.ts";

/** Definitions of the actor `desk`, which takes `{start: address}`, and of its run. */
export function askingDesk(word: string): readonly Definition[] {
  const asker = defineRun<Address, unknown, unknown>({
    kind: "asker",
    run: (to, context) => context.ask("question", to, { word }, { timeoutMs: 60_000 }),
  });
  const desk = defineActor<null, { readonly start: Address } | RunEnded>({
    kind: "desk",
    version: 1,
    initial: () => null,
    receive(state, message, turn) {
      if ("type" in message) return state;
      const run = turn.startRun({ kind: "asker", input: message.start });
      turn.reply({ run }, { follow: run });
      return state;
    },
  });
  return [desk, asker];
}
