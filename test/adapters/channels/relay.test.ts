// The adapter of the README keeps what every adapter promises.

import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { relay } from "../../support/channels/relay.ts";
import { conforms, jsonAnswer } from "./conformance.ts";

const signing_secret = "the-secret-of-the-relay";
const body = Buffer.from(JSON.stringify({ id: "m1", room: "r1", from: "u1", text: "Hello?" }));
const signature = createHmac("sha256", signing_secret).update(body).digest("hex");

conforms({
  adapter: relay,
  settings: { api_url: "https://relay.example.com/messages", signing_secret },
  required: ["api_url", "signing_secret"],
  deliveries: () => [
    {
      ...{ method: "POST", path: "", body, publicUrl: "" },
      headers: { "x-relay-signature": signature },
      query: new URLSearchParams(),
    },
  ],
  address: { room: "r1" },
  textOf: (part) => String(part.body["text"]),
  answers: {
    ok: () => jsonAnswer(200, { id: "m2" }),
    rate: () => jsonAnswer(429, ""),
    gone: () => jsonAnswer(404, ""),
    retry: () => jsonAnswer(503, ""),
  },
});

test("the page of channels shows it as it is", async () => {
  const root = new URL("../../../../", import.meta.url);
  const [page, adapter] = await Promise.all([
    readFile(new URL("adapters/channels/README.md", root), "utf8"),
    readFile(new URL("test/support/channels/relay.ts", root), "utf8"),
  ]);

  expect(page).toContain(`\`\`\`ts\n${adapter}\`\`\``);
  expect(adapter.trimEnd().split("\n").length).toBeLessThanOrEqual(60);
});
