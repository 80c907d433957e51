// What an error of Twilio's means for a message (twilio.com/docs/api/errors).

import type { SendFailure } from "../../../actors/channels/outgoing.ts";
import type { PlatformAnswer } from "../adapter.ts";
import { type Failed, failedSend, jsonIn, type SendAbout } from "../platform-answer.ts";
import { memberOf, textIn } from "../sent-json.ts";

const codes: Readonly<Partial<Record<SendFailure, readonly number[]>>> = {
  // Token, account, and numbers of ours that may not send.
  auth: [20003, 20005, 20404, 20008, 21212, 21603, 21606, 21659, 21660, 30002],
  rate: [20429, 14107, 21611, 30001, 30022, 63018],
  window: [63016],
  // No such number, none for messages, has said STOP, countries that are not allowed, blocked.
  gone: [21211, 21214, 21217, 21219, 21408, 21610, 21614, 30004, 30005, 30006, 63024],
  format: [21602, 21605, 21617, 21619, 21620, 21623],
  retry: [20500, 20503, 30003, 30008],
};

const classes: ReadonlyMap<number, SendFailure> = new Map(
  Object.entries(codes).flatMap(([name, list]) =>
    list.map((code): [number, SendFailure] => [code, name as SendFailure]),
  ),
);

/** What a code means; undefined for one that is not known. */
export function classOfCode(code: number): SendFailure | undefined {
  return classes.get(code);
}

/** What an answer that is no receipt means. */
export function failureOf(answer: PlatformAnswer, about: Omit<SendAbout, "platform">): Failed {
  const body = answer.reached ? jsonIn(answer.body) : null;
  const given = memberOf(body, "code") ?? memberOf(body, "error_code");
  if (typeof given !== "number") return failedSend(answer, { ...about, platform: "Twilio" });
  const words =
    textIn(body, "message", 200) ?? textIn(body, "error_message", 200) ?? "no reason given";
  const known = { class: classOfCode(given), reason: `Twilio error ${given}: ${words}` };
  return failedSend(answer, { ...about, platform: "Twilio" }, known);
}
