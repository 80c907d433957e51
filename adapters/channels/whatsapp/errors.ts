// What an error of the Graph API means for a message: by its code, as Meta advises (WhatsApp Cloud API,
// error codes), because titles and HTTP statuses change.

import type { SendFailure } from "../../../actors/channels/outgoing.ts";
import type { PlatformAnswer } from "../adapter.ts";
import {
  classOfStatus,
  type Failed,
  failedSend,
  jsonIn,
  type SendAbout,
} from "../platform-answer.ts";
import { fieldsOf, listIn, memberOf, textIn } from "../sent-json.ts";

/** Codes by what they mean. Codes that are not here: by the HTTP status. */
const codes: Readonly<Partial<Record<SendFailure, readonly number[]>>> = {
  // Token, permissions, and an account or a number that Meta has locked: the operator has to act.
  auth: [0, 3, 10, 33, 190, 368, 131005, 131031, 131037, 131042, 131045, 133010],
  // Of the app, the account, the number; spam; one pair of numbers; marketing that Meta holds back.
  rate: [4, 80007, 130429, 131048, 131049, 131056, 133016],
  window: [131047, 470],
  // Not at WhatsApp, has blocked us, is ourselves, is not in the list of a test number, wants none.
  gone: [130472, 130497, 131021, 131026, 131030, 131050, 131062],
  // What we made of the message.
  format: [100, 131008, 131009, 131051, 131052, 131053, 131055, 135000],
  retry: [1, 2, 131000, 131016, 131057, 133004],
};

const classes: ReadonlyMap<number, SendFailure> = new Map(
  Object.entries(codes).flatMap(([name, list]) =>
    list.map((code): [number, SendFailure] => [code, name as SendFailure]),
  ),
);

/** What a code means; undefined for one that is not known. */
export function classOfCode(code: number): SendFailure | undefined {
  // Permissions that are missing, and templates that do not exist, are paused or take other parameters.
  if (code >= 200 && code <= 299) return "auth";
  if (code >= 132_000 && code <= 132_999) return "format";
  return classes.get(code);
}

/** What an answer that is no receipt means. */
export function failureOf(answer: PlatformAnswer, about: Omit<SendAbout, "platform">): Failed {
  const error = answer.reached ? fieldsOf(memberOf(jsonIn(answer.body), "error")) : null;
  const whole = { ...about, platform: "WhatsApp" };
  if (!answer.reached || error === null) return failedSend(answer, whole);
  const known = { class: classOfError(error, answer.status), reason: reasonOf(error) };
  return failedSend(answer, whole, known);
}

function classOfError(error: unknown, status: number): SendFailure {
  const code = memberOf(error, "code");
  // "Object does not exist or cannot be loaded due to missing permissions": ours, not the message's.
  if (code === 100 && memberOf(error, "error_subcode") === 33) return "auth";
  const known = typeof code === "number" ? classOfCode(code) : undefined;
  if (known !== undefined) return known;
  if (memberOf(error, "is_transient") === true) return "retry";
  return status < 400 ? "format" : classOfStatus(status);
}

function reasonOf(error: unknown): string {
  const code = memberOf(error, "code");
  const details = textIn(memberOf(error, "error_data"), "details", 200);
  const words = details ?? textIn(error, "message", 200) ?? "no reason given";
  return typeof code === "number" ? `WhatsApp error ${code}: ${words}` : `WhatsApp: ${words}`;
}

/** The receipt's id of a send that went well; null when the answer has none. */
export function receiptIn(answer: PlatformAnswer): string | null {
  if (!answer.reached || answer.status < 200 || answer.status > 299) return null;
  const [message] = listIn(jsonIn(answer.body), "messages");
  return textIn(message, "id", 250);
}
