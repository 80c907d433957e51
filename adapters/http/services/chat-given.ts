// What of a chat a caller may leave out, as its conversation is told: what is absent is not there.

import type { ChatMessage } from "../../../actors/records/conversation.ts";

/** Fields of a chat that may be absent. */
export interface ChatGiven {
  readonly data?: ChatMessage["data"];
  readonly variables?: ChatMessage["variables"];
  readonly onBusy?: ChatMessage["on_busy"];
  readonly webhook?: ChatMessage["webhook"];
  readonly tells?: ChatMessage["tells"];
  readonly response?: ChatMessage["response"];
  readonly timeoutMs?: ChatMessage["timeoutMs"];
  readonly atOnce?: ChatMessage["atOnce"];
}

/** Those that are there. */
export function givenOf(ask: ChatGiven): Partial<ChatMessage> {
  const { data, variables, onBusy, webhook, tells, response, timeoutMs, atOnce } = ask;
  return {
    ...(data !== undefined && { data }),
    ...(variables !== undefined && { variables }),
    ...(onBusy !== undefined && { on_busy: onBusy }),
    ...(webhook !== undefined && { webhook }),
    ...(tells !== undefined && { tells }),
    ...(response !== undefined && { response }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(atOnce !== undefined && { atOnce }),
  };
}
