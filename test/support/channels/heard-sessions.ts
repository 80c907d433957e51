// Sessions that keep what they are told, for tests of what stands before them.

import { SESSION_KIND } from "../../../actors/channels/session-key.ts";
import type { InboundMessage } from "../../../actors/channels/session-message.ts";
import { type Definition, defineActor } from "../../../runtime/actor.ts";
import type { ErrorData } from "../../../runtime/errors.ts";

/** What they have heard; the engine is in this thread. */
export interface HeardSessions {
  readonly definition: Definition;
  messages(): readonly InboundMessage[];
  /** What the next message is refused with. */
  refuse(error: ErrorData): void;
  clear(): void;
}

/** Makes them. */
export function heardSessions(): HeardSessions {
  let messages: InboundMessage[] = [];
  let refusal: ErrorData | null = null;
  const definition = defineActor<null, InboundMessage>({
    kind: SESSION_KIND,
    version: 1,
    initial: () => null,
    receive: (state, message, turn) => {
      if (refusal === null) {
        messages.push(message);
        turn.reply({ isNew: true });
      } else turn.refuse(refusal);
      refusal = null;
      return state;
    },
  });
  return {
    definition,
    messages: () => messages,
    refuse: (error) => {
      refusal = error;
    },
    clear: () => {
      messages = [];
    },
  };
}
