// A whole adapter, of a platform that sends signed JSON and takes JSON: adapters/channels/README.md shows it.
import { channelLimits } from "../../../actors/channels/limits.ts";
import { Type } from "../../../actors/schema.ts";
import { refusal } from "../../../adapters/channels/answer.ts";
import { defineChannel } from "../../../adapters/channels/define.ts";
import { personSender } from "../../../adapters/channels/person-sender.ts";
import { failedSend, jsonIn } from "../../../adapters/channels/platform-answer.ts";
import { textIn } from "../../../adapters/channels/sent-json.ts";
import { isSigned } from "../../../adapters/signature.ts";

export const relay = defineChannel({
  kind: "relay",
  settings: Type.Object(
    {
      api_url: Type.String({ minLength: 8, description: "Where messages are posted to." }),
      signing_secret: Type.String({ minLength: 16, description: "Deliveries are signed with it." }),
    },
    { additionalProperties: false },
  ),
  secrets: ["signing_secret"],
  // What is not said here and below is as `define.ts` has it: plain text, no buttons, no files.
  capabilities: { textMax: 1_000, conversationRate: { calls: 5, perMs: 1_000, burst: 5 } },
  create: ({ api_url, signing_secret }, { call, nowMs }) => ({
    routes: [
      {
        ...{ method: "POST", path: "", bodyMax: 64 * 1024 },
        handle: ({ headers, body }) => {
          // The bytes are proved before anything of them is read.
          const given = headers["x-relay-signature"];
          if (!isSigned({ given, of: [body], secrets: [signing_secret] })) {
            return refusal(401, "The signature is wrong.");
          }
          const said = jsonIn(body);
          const [id, room, from] = ["id", "room", "from"].map((name) => textIn(said, name, 100));
          const text = textIn(said, "text", channelLimits.textChars);
          if (!id || !room || !from || !text) return refusal(400, "No message.");
          // The id makes a repeat known; the address comes back to `send` with the answer.
          const of = { dedupe: [id], address: { room }, sender: personSender(from), atMs: nowMs() };
          const place = { conversation: room, user: from, isDirect: true };
          const event = { kind: "message", message: id, text, place, ...of } as const;
          return { events: [event], ack: { status: 200 } };
        },
      },
    ],
    send: async ({ body: { text } }, { room }, { key, attempt, signal }) => {
      // The same key with every attempt: the relay knows what it has already.
      const body = JSON.stringify({ key, room, text });
      const answer = await call({ method: "POST", url: api_url, body, signal });
      const id = answer.reached && answer.status === 200 && textIn(jsonIn(answer.body), "id");
      if (id) return { ok: true, receipt: { id } };
      // A room that is no more; all else is what statuses say everywhere.
      const known = answer.reached && answer.status === 404 ? { class: "gone" as const } : {};
      const about = { platform: "The relay", attempt, nowMs: nowMs(), secrets: [signing_secret] };
      return failedSend(answer, about, known);
    },
  }),
});
