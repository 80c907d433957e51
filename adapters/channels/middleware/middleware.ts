// What stands between a verified event and its session: plain functions, each of which looks at the event,
// and lets it through (`next`), changes it, holds it back, or drops it. They run before the platform is
// answered, so none of them waits for anything. An operator's own are of the same form (own.ts).

import type { ChannelInput } from "../../../actors/channels/channel.ts";
import type { Inbound } from "../../../actors/channels/inbound.ts";
import type { Verdict } from "../../../actors/channels/session-message.ts";

/** What becomes of an event. `drop` says why, for the account's figures: the sender is told nothing. */
export type Outcome =
  | { readonly event: Inbound; readonly verdict?: Verdict }
  | { readonly drop: string };

/** What a function is told beside the event. */
export interface MiddlewareContext {
  readonly tenant: string;
  /** Id of the channel. */
  readonly channel: string;
  readonly kind: string;
  readonly settings: Pick<
    ChannelInput,
    "allow" | "deny" | "bots" | "rooms" | "messages_per_minute" | "business_hours" | "language"
  >;
  readonly nowMs: number;
}

/** Hands the event on to what comes behind. */
export type Next = (event: Inbound) => Outcome | Promise<Outcome>;

/** One function of the chain. A throw refuses the delivery: the platform sends it again. */
export type Middleware = (
  event: Inbound,
  context: MiddlewareContext,
  next: Next,
) => Outcome | Promise<Outcome>;

/** All of them in order. */
export function chained(
  all: readonly Middleware[],
): (event: Inbound, context: MiddlewareContext) => Outcome | Promise<Outcome> {
  return (event, context) => {
    const from =
      (at: number): Next =>
      (given) =>
        all[at]?.(given, context, from(at + 1)) ?? { event: given };
    return from(0)(event);
  };
}

/** Whether somebody wants something by it; the others are what the platform tells of what was said. */
export function isAsked({ kind }: Inbound): boolean {
  return kind === "message" || kind === "command" || kind === "action";
}

/** Whether it is of the platform itself, about what we have sent or who somebody is. */
export function isPlatforms({ kind }: Inbound): boolean {
  return kind === "status" || kind === "identity";
}
