// The adapters whose clients call this server, held to what every adapter promises; and how a long answer
// is cut for them. Case 64 of the gateway's list.

import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { markdownParts } from "../../../adapters/channels/markdown-parts.ts";
import { webChat } from "../../../adapters/channels/web-chat/adapter.ts";
import { webChatRules } from "../../../adapters/channels/web-chat/settings.ts";
import { makeTicket } from "../../../adapters/channels/web-chat/visitor.ts";
import { webhook } from "../../../adapters/channels/webhook/adapter.ts";
import { rawRequest } from "../../support/channels/raw-request.ts";
import { conforms, jsonAnswer } from "./conformance.ts";

const NOW_MS = 1_800_000_000_000;
const secret = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
const body = JSON.stringify({ conversation: "c", user: "ann", text: "Hello? 🎉", id: "m1" });
const delivery = rawRequest({
  body,
  headers: {
    "webhook-id": "msg_1",
    "webhook-timestamp": String(NOW_MS / 1_000),
    "webhook-signature": new Webhook(secret).sign("msg_1", new Date(NOW_MS), body),
  },
});
const address = {
  conversation: "c",
  thread: null,
  callbackUrl: "https://a.example/",
  message: "m1",
};
const common = {
  adapter: webhook,
  required: ["secret"],
  nowMs: NOW_MS,
  deliveries: () => [delivery],
  address,
};

conforms({
  ...common,
  settings: { secret, reply: "callback", callback_url: "https://a.example/hook" },
  answers: {
    ok: () => jsonAnswer(204, ""),
    rate: () => jsonAnswer(429, "", { "retry-after": "3" }),
    gone: () => jsonAnswer(410, ""),
    auth: () => jsonAnswer(401, ""),
    format: () => jsonAnswer(422, ""),
    retry: () => jsonAnswer(502, "<html>"),
  },
});

conforms({ ...common, settings: { secret, reply: "sync" } });

const origin = "https://shop.example.com";
const chatSettings = { secret: "c".repeat(32), allowed_origins: [origin] };
const visitor = { id: "v_1", name: null };
const token = makeTicket(
  visitor,
  { origin, nowMs: NOW_MS, untilS: NOW_MS / 1_000 + 60 },
  webChatRules(chatSettings),
);

conforms({
  adapter: webChat,
  settings: chatSettings,
  required: ["secret", "allowed_origins"],
  nowMs: NOW_MS,
  deliveries: () =>
    [
      { id: "m1", text: "Hi" },
      { id: "m2", action: "ap:1:yes", of: "k1" },
    ].map((said) =>
      rawRequest({
        path: "/messages",
        headers: { origin },
        body: JSON.stringify({ token, ...said }),
      }),
    ),
  // Its ticket proves who it is; nothing signs the bytes, as in any page.
  provesBody: false,
  address: { box: "v_1/main" },
});

test("64: a long answer is cut into parts that fit, with every fence closed and no character halved", () => {
  const long = fc.oneof(
    fc
      .nat({ max: 400 })
      .map((lines) => `Look:\n\n\`\`\`js\n${"const a = 1;\n".repeat(lines)}\`\`\`\n\nDone.`),
    fc.nat({ max: 900 }).map((times) => "👩‍👩‍👧‍👦é".repeat(times)),
    fc.nat({ max: 6_000 }).map((length) => "x".repeat(length)),
    fc.lorem({ maxCount: 500 }),
  );
  fc.assert(
    fc.property(long, (text) => {
      const parts = markdownParts(text, 1_000);

      expect(parts.every((part) => part.length <= 1_000)).toBe(true);
      expect(parts.join("")).not.toMatch(/\p{Surrogate}/u);
      for (const part of parts) expect((part.match(/^```/gm) ?? []).length % 2).toBe(0);
      const letters = (said: string) => said.replaceAll(/```(js)?|\s/g, "");
      expect(letters(parts.join("")).length).toBe(letters(text).length);
    }),
    { numRuns: 40 },
  );
});
