// Events of Slack as bytes: signed over the body as Slack does, each of another person in a direct conversation.

import { createHmac } from "node:crypto";

/** What events are signed with. */
export const SIGNING_SECRET = "bench-signing-secret-0123456789";

/** A signed event as a request on the wire. `person`: who speaks; `number`: of all events. */
export function slackEvent(path: string, person: number, number: number): Buffer {
  const seconds = Math.floor(Date.now() / 1_000);
  const ts = `${seconds}.${String(number).padStart(6, "0")}`;
  const body = JSON.stringify({
    ...{ type: "event_callback", team_id: "T1", api_app_id: "A1", event_id: `Ev${number}` },
    event_time: seconds,
    event: {
      ...{ type: "message", channel_type: "im", channel: `D${person}`, user: `U${person}` },
      ...{ ts, event_ts: ts, team: "T1", text: "When do you open, and where is the entrance?" },
    },
  });
  const signature = createHmac("sha256", SIGNING_SECRET)
    .update(`v0:${seconds}:${body}`)
    .digest("hex");
  return Buffer.from(
    [
      `POST ${path} HTTP/1.1`,
      "Host: 127.0.0.1",
      "Content-Type: application/json",
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Slack-Request-Timestamp: ${seconds}`,
      `X-Slack-Signature: v0=${signature}`,
      "",
      body,
    ].join("\r\n"),
  );
}
