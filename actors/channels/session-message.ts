// What a session is told from outside, and where that goes. Whoever has verified an event (a route of this
// server, a gateway elsewhere, a mailbox that is watched) makes the same message of it.

import type { Address } from "../../runtime/address.ts";
import type { SessionScope } from "./channel.ts";
import type { Inbound } from "./inbound.ts";
import { type SessionKey, sessionAddress, sessionId, sessionKey } from "./session-key.ts";

/** An event for a session; answered with `Taken` when its turn is on disk. */
export interface InboundMessage {
  readonly type: "inbound";
  readonly key: SessionKey;
  /** Account that it came by: answers go there. */
  readonly channel: string;
  readonly event: Inbound;
  /** How long repeats of it are known for, hours (capabilities.dedupeHours). */
  readonly dedupeHours: number;
  /** Time after which an answer is not sent any more, where the channel says nothing, ms. Default a day. */
  readonly deliverWithinMs?: number;
  /** What middleware has decided; absent: it is answered. */
  readonly verdict?: Verdict;
}

/** What middleware makes of an event that it lets through. */
export interface Verdict {
  /** Said to the sender instead of having the message answered. */
  readonly say?: string;
  /** Answered only from then on, ms since the epoch; `say` is said meanwhile, once until then. */
  readonly holdUntilMs?: number;
  /** Asked instead of the channel's agent. */
  readonly agent?: string;
}

/** What became of an event. */
export interface Taken {
  /** False: it had been taken in before. */
  readonly isNew: boolean;
}

/** The message about an event, and the session it goes to. Ids in `event.place` are canonical (aliases are resolved). */
export function inboundMessage(
  of: { readonly tenant: string; readonly channel: string; readonly scope: SessionScope },
  event: Inbound,
  about: Pick<InboundMessage, "dedupeHours" | "deliverWithinMs" | "verdict">,
): { readonly to: Address; readonly message: InboundMessage } {
  const key = sessionKey(of.channel, event.place, of.scope);
  const to = sessionAddress(of.tenant, sessionId(key));
  return { to, message: { type: "inbound", key, channel: of.channel, event, ...about } };
}
