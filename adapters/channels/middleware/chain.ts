// The chain of an account: what every channel has, in order, and where the operator's own stand in it.

import type { ChannelInput } from "../../../actors/channels/channel.ts";
import { createBots } from "./bots.ts";
import { createBusinessHours } from "./business-hours.ts";
import { cleanText } from "./clean-text.ts";
import { chained } from "./middleware.ts";
import { type OwnMiddleware, ownChain } from "./own.ts";
import { ownEcho } from "./own-echo.ts";
import { rooms } from "./rooms.ts";
import { createSenderRate } from "./sender-rate.ts";
import { senders } from "./senders.ts";

/** Makes it, with counts of its own. @throws INVALID with the pointer of what is wrong in the record. */
export function chainOf(channel: ChannelInput, own: OwnMiddleware): ReturnType<typeof chained> {
  const hours = createBusinessHours(channel);
  return chained([
    cleanText,
    ownEcho,
    senders,
    createBots(),
    rooms,
    createSenderRate(),
    ...(hours === null ? [] : [hours]),
    ...ownChain(own, channel.middleware ?? []),
  ]);
}
