// Somebody else is to be told of a run's end, after the run was started: of one that is under way or
// waits, with its end; of one that has ended, at once.

import type { Turn } from "../runtime/actor.ts";
import type { ConversationState, Entry } from "./conversation-state.ts";
import { startWebhooks } from "./webhook.ts";
import type { WebhookEvent } from "./webhooks.ts";

/** Told to a conversation; answered with `{added}`: whether the run, or its end, is there. */
export interface NotifyMessage {
  readonly type: "notify";
  readonly run: string;
  /** Who is told (WebhookInput). */
  readonly to: string;
  /** How the run has ended; null while that is not known. */
  readonly event: WebhookEvent | null;
}

/** Of a run under way a second message adds nothing; of one that has ended each tells its end again. */
export function notify(
  state: ConversationState,
  { run, to, event }: NotifyMessage,
  turn: Turn,
): ConversationState {
  if (event !== null) {
    startWebhooks(turn, [to], event);
    turn.reply({ added: true });
    return state;
  }
  const isThere = [state.current, ...state.waiting].some((entry) => entry?.run === run);
  turn.reply({ added: isThere });
  if (!isThere) return state;
  const adding = (entry: Entry): Entry => {
    if (entry.run !== run || entry.webhooks?.includes(to)) return entry;
    return { ...entry, webhooks: [...(entry.webhooks ?? []), to] };
  };
  return {
    ...state,
    current: state.current === null ? null : adding(state.current),
    waiting: state.waiting.map(adding),
  };
}
