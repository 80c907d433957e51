// SMS by Twilio keeps what every adapter promises.

import type { ChannelRequest, PlatformAnswer } from "../../../../adapters/channels/adapter.ts";
import { sms } from "../../../../adapters/channels/sms/adapter.ts";
import {
  ACCOUNT,
  signedForm,
  type TwilioAnswer,
  twilioError,
} from "../../../support/channels/twilio-server.ts";
import { conforms, jsonAnswer } from "../conformance.ts";

const PUBLIC_URL = "https://troupe.example.com/gateway/sms/main";
const NUMBER = "+15558675310";
const PERSON = "+15551234567";

const refused =
  ({ status, body }: TwilioAnswer) =>
  (): PlatformAnswer =>
    jsonAnswer(status, body);

function delivered(): ChannelRequest {
  const fields = { MessageSid: `SM${"a".repeat(32)}`, From: PERSON, To: NUMBER, Body: "hello" };
  const query = new URLSearchParams();
  const signed = signedForm(PUBLIC_URL, fields);
  return { method: "POST", path: "", query, publicUrl: PUBLIC_URL, ...signed };
}

conforms({
  adapter: sms,
  settings: { account_sid: ACCOUNT.sid, auth_token: ACCOUNT.token, number: NUMBER },
  required: ["account_sid", "auth_token", "number"],
  nowMs: Date.UTC(2026, 10, 23, 12),
  deliveries: () => [delivered()],
  address: { to: PERSON, from: NUMBER },
  textOf: ({ body }) => String(body["text"]),
  answers: {
    ok: () => jsonAnswer(201, { sid: `SM${"b".repeat(32)}`, status: "queued" }),
    rate: refused(twilioError(20429, 429, "Too Many Requests")),
    retry: refused(twilioError(20500, 500, "Internal Server Error")),
    auth: refused(twilioError(20003, 401, "Authenticate")),
    gone: refused(twilioError(21610, 400, "unsubscribed")),
    format: refused(twilioError(21617, 400, "too long")),
    window: refused(twilioError(63016, 400, "outside the window")),
    unknown: () => jsonAnswer(200, "<html>"),
  },
});
