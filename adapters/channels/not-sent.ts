// What an adapter answers before it asks its platform: the same words whatever the platform is.

import type { SendResult } from "../../actors/channels/outgoing.ts";

/** The address was made by another adapter, or by an older one. */
export const wrongAddress: SendResult = {
  ...{ ok: false, class: "gone", reason: "The address is none that this adapter has made." },
};

/** The part has neither text nor anything else. */
export const nothingToSay: SendResult = {
  ...{ ok: false, class: "format", reason: "There is nothing to say in it." },
};
