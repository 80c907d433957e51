// Slack keeps what every adapter promises.

import { slack } from "../../../../adapters/channels/slack/adapter.ts";
import {
  envelopeOf,
  messageOf,
  SECRET,
  signedForm,
  signedRequest,
} from "../../../support/channels/slack-sender.ts";
import { conforms, jsonAnswer } from "../conformance.ts";

const refused = (error: string) => () => jsonAnswer(200, { ok: false, error });
const message = envelopeOf(messageOf());
const command = {
  ...{ command: "/status", team_id: "TTEAM1", channel_id: "CROOM1", user_id: "UANNA1" },
  trigger_id: "1.2.abc",
};

conforms({
  adapter: slack,
  settings: {
    ...{ bot_token: "xoxb-conformance-1", signing_secret: SECRET },
    ...{ app_token: undefined, client_secret: "conformance-client-secret" },
  },
  required: ["bot_token", "signing_secret"],
  deliveries: () => [
    signedRequest({ type: "url_verification", challenge: "abc" }),
    signedRequest(message),
    { ...signedForm(command), path: "/commands" },
  ],
  address: { team: "TTEAM1", channel: "CROOM1", thread: "1700000000.000100" },
  textOf: ({ body }) => String(body["text"]),
  answers: {
    ok: () => jsonAnswer(200, { ok: true, channel: "CROOM1", ts: "1700000000.000200" }),
    rate: () => jsonAnswer(429, "", { "retry-after": "30" }),
    retry: () => jsonAnswer(503, "<html>"),
    auth: refused("token_revoked"),
    gone: refused("is_archived"),
    format: refused("invalid_blocks"),
    unknown: refused("fatal_error"),
  },
});
