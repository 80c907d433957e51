// The sign that an answer is being written: Slack shows it in threads, where the app may set it. Best effort.

import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { SlackApi } from "./api.ts";
import { slackLimits } from "./limits.ts";
import { addressOf } from "./place.ts";

/** Gives the sign; after a refusal it rests, so that no call is wasted. */
export function createTyping(api: SlackApi, text: string, nowMs: () => number) {
  let restUntilMs = 0;
  return async (address: ChannelData, signal: AbortSignal): Promise<void> => {
    const to = addressOf(address);
    if (to === null || to.thread === null || nowMs() < restUntilMs) return;
    const result = await api.call(
      "assistant.threads.setStatus",
      { channel_id: to.channel, thread_ts: to.thread, status: text },
      signal,
    );
    if (!result.ok) restUntilMs = nowMs() + slackLimits.typingRestMs;
  };
}
