// The sign that an answer is being written, best effort. A command's own message says so by itself.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { DiscordApi } from "./api.ts";
import { addressOf } from "./place.ts";

/** Gives the sign for some seconds. */
export function createTyping(api: DiscordApi) {
  return async (address: ChannelData, signal: AbortSignal): Promise<void> => {
    const to = addressOf(address);
    if (to === null || to.interaction !== null) return;
    const path = `/channels/${to.channel}/typing`;
    await api.call({ what: "the sign of writing", method: "POST", path, signal });
  };
}
