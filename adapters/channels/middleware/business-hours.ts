// Messages that come when nobody is to answer wait until the hours begin; who writes may be told so.

import type { ChannelInput } from "../../../actors/channels/channel.ts";
import { hoursOf } from "./hours.ts";
import type { Middleware } from "./middleware.ts";

/** Of an account, whose hours are read once. Null: it has none. @throws INVALID with the pointer. */
export function createBusinessHours({
  business_hours,
}: Pick<ChannelInput, "business_hours">): Middleware | null {
  if (business_hours === undefined) return null;
  const hours = hoursOf(business_hours);
  const { closed_text: say } = business_hours;
  return async (event, context, next) => {
    const outcome = await next(event);
    if (event.kind !== "message" || "drop" in outcome || outcome.verdict?.say !== undefined) {
      return outcome;
    }
    const holdUntilMs = hours.closedUntil(context.nowMs);
    if (holdUntilMs === null) return outcome;
    const verdict = { ...outcome.verdict, holdUntilMs, ...(say !== undefined && { say }) };
    return { event: outcome.event, verdict };
  };
}
