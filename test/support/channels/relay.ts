// A whole adapter, of a platform that sends signed JSON and takes JSON: adapters/channels/README.md shows it.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Outgoing } from "../../../actors/channels/outgoing.ts";
import { Type } from "../../../actors/schema.ts";
import {
  type ChannelRequest,
  defineChannel,
  type Handled,
} from "../../../adapters/channels/adapter.ts";

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
  capabilities: {
    ...({
      textMax: 1_000,
      textUnit: "codepoint",
      edit: false,
      buttons: false,
      typingMs: 0,
    } as const),
    ...{ fileBytesMax: 0, dedupeHours: 24, deliverWithinMs: 3_600_000 },
    accountRate: { calls: 50, perMs: 1_000, burst: 50 },
    conversationRate: { calls: 5, perMs: 1_000, burst: 5 },
  },
  sessionScope: "conversation",
  create: ({ api_url, signing_secret }, { call, nowMs }) => {
    const isSigned = ({ headers, body }: ChannelRequest): boolean => {
      const given = Buffer.from(headers["x-relay-signature"] ?? "");
      const right = Buffer.from(createHmac("sha256", signing_secret).update(body).digest("hex"));
      return given.length === right.length && timingSafeEqual(given, right);
    };
    const handle = (request: ChannelRequest): Handled => {
      if (!isSigned(request)) return { refused: { status: 401, body: "The signature is wrong." } };
      const [id, room, from, text] = fieldsOf(request.body, ["id", "room", "from", "text"]);
      if (!id || !room || !from || !text) return { refused: { status: 400, body: "No message." } };
      const sender = {
        id: from,
        isBot: false,
        isSelf: false,
        isAutomatic: false,
        isVerified: true,
      };
      const place = { conversation: room, user: from, isDirect: true };
      const of = { dedupe: [id], place, sender, address: { room }, atMs: nowMs() };
      return { events: [{ kind: "message", message: id, text, ...of }], ack: { status: 200 } };
    };
    const render = ({ text, buttons = [] }: Outgoing) => {
      const whole = [text, ...buttons.map(({ label }) => `- ${label}`)].join("\n");
      return (whole.match(/.{1,1000}/gsu) ?? [""]).map((plain) => ({
        body: { text: plain },
        plain,
      }));
    };
    return {
      routes: [{ method: "POST", path: "", bodyMax: 64 * 1024, handle }],
      ...{ render, renderPlain: render },
      send: async ({ body: { text } }, { room }, { key, signal }) => {
        const body = JSON.stringify({ key, room, text });
        const answer = await call({ method: "POST", url: api_url, body, signal });
        const lost = (reason: string, is: "unknown" | "retry" | "rate" | "gone") =>
          ({ ok: false, class: is, reason }) as const;
        if (!answer.reached)
          return lost(answer.reason, answer.mayHaveArrived ? "unknown" : "retry");
        const [id] = fieldsOf(answer.body, ["id"]);
        if (answer.status === 200 && id) return { ok: true, receipt: { id } };
        if (answer.status < 300) return lost("The relay did not say what became of it.", "unknown");
        if (answer.status === 429) return lost("The relay wants us to wait.", "rate");
        return lost(`The relay answered ${answer.status}.`, answer.status < 500 ? "gone" : "retry");
      },
      probe: async () => [{ ok: true, text: "The relay has nothing that could be asked." }],
      close: async () => undefined,
    };
  },
});

/** Texts of a JSON object; undefined for what is none. */
function fieldsOf(body: Uint8Array, names: readonly string[]): readonly (string | undefined)[] {
  try {
    const said = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    return names.map((name) => (typeof said?.[name] === "string" ? said[name] : undefined));
  } catch {
    return names.map(() => undefined);
  }
}
