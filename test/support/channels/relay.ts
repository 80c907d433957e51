// A whole adapter, of a platform that sends signed JSON and takes JSON: adapters/channels/README.md shows it.

import { createHmac, timingSafeEqual } from "node:crypto";
import type { ChannelData } from "../../../actors/channels/inbound.ts";
import type { SendResult } from "../../../actors/channels/outgoing.ts";
import { Type } from "../../../actors/schema.ts";
import {
  type ChannelRequest,
  defineChannel,
  type Handled,
} from "../../../adapters/channels/adapter.ts";

const settings = Type.Object(
  {
    api_url: Type.String({ format: "uri", description: "Where messages are sent to." }),
    signing_secret: Type.String({ minLength: 16, description: "Deliveries are signed with it." }),
  },
  { additionalProperties: false },
);

export const relay = defineChannel({
  kind: "relay",
  settings,
  secrets: ["signing_secret"],
  capabilities: {
    ...({
      textMax: 1_000,
      textUnit: "codepoint",
      edit: false,
      buttons: false,
      typingMs: 0,
    } as const),
    ...{ fileBytesMax: 0, redelivers: true, dedupeHours: 24, deliverWithinMs: 3_600_000 },
    accountRate: { calls: 50, perMs: 1_000, burst: 50 },
    conversationRate: { calls: 5, perMs: 1_000, burst: 5 },
  },
  sessionScope: "conversation",
  create: ({ api_url, signing_secret }, environment) => {
    const isSigned = ({ headers, body }: ChannelRequest): boolean => {
      const given = Buffer.from(headers["x-relay-signature"] ?? "");
      const right = Buffer.from(createHmac("sha256", signing_secret).update(body).digest("hex"));
      return given.length === right.length && timingSafeEqual(given, right);
    };
    const handle = (request: ChannelRequest): Handled => {
      if (!isSigned(request)) return { refused: { status: 401, body: "The signature is wrong." } };
      const said = messageOf(request.body);
      if (said === null) return { refused: { status: 400, body: "That is no message." } };
      const { id, room, from, text } = said;
      const sender = {
        id: from,
        isBot: false,
        isSelf: from === "us",
        isAutomatic: false,
        isVerified: true,
      };
      const place = { conversation: room, user: from, isDirect: true };
      const what = {
        kind: "message",
        message: id,
        text,
        dedupe: [id],
        atMs: environment.nowMs(),
      } as const;
      return { events: [{ ...what, sender, place, address: { room } }], ack: { status: 200 } };
    };
    const partsOf = (text: string) => {
      const pieces = text.match(/.{1,1000}/gsu) ?? [""];
      return pieces.map((piece) => ({ body: { text: piece }, plain: piece }));
    };
    return {
      routes: [{ method: "POST", path: "", bodyMax: 64 * 1024, handle }],
      render: ({ text }) => partsOf(text),
      renderPlain: ({ text }) => partsOf(text),
      send: async ({ body }, address: ChannelData, { key, signal }): Promise<SendResult> => {
        const sent = JSON.stringify({ key, room: address["room"], text: body["text"] });
        const answer = await environment.call({ method: "POST", url: api_url, body: sent, signal });
        if (!answer.reached)
          return {
            ok: false,
            class: answer.mayHaveArrived ? "unknown" : "retry",
            reason: answer.reason,
          };
        if (answer.status === 200)
          return { ok: true, receipt: { id: Buffer.from(answer.body).toString() } };
        const kind = answer.status === 429 ? "rate" : answer.status < 500 ? "gone" : "retry";
        return { ok: false, class: kind, reason: `The relay answered ${answer.status}.` };
      },
      probe: async () => [{ ok: true, text: "The relay has nothing to look at." }],
      close: async () => undefined,
    };
  },
});

function messageOf(body: Uint8Array): Record<"id" | "room" | "from" | "text", string> | null {
  try {
    const { id, room, from, text } = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(body),
    );
    const all = [id, room, from, text];
    return all.every((one) => typeof one === "string" && one !== "")
      ? { id, room, from, text }
      : null;
  } catch {
    return null;
  }
}
