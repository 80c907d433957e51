// Signatures of webhooks: cases 5-6, 8, 10, 11, 20 of the gateway's list, and the standard's own library as judge.

import { createHmac } from "node:crypto";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { webhookRules } from "../../../../adapters/channels/webhook/settings.ts";
import { verify } from "../../../../adapters/signed-webhook.ts";

// The vector of the specification.
const VECTOR = {
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  timestamp: "1614265330",
  body: '{"test": 2432232314}',
  signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};
const NOW_MS = 1_614_265_330_000;
const OTHER = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const bytesOf = (text: string) => new TextEncoder().encode(text);

function checked(
  headers: Readonly<Record<string, string>>,
  {
    body = bytesOf(VECTOR.body),
    nowMs = NOW_MS,
    settings = { secret: VECTOR.secret } as Parameters<typeof webhookRules>[0],
  } = {},
): boolean {
  const all = {
    "webhook-id": VECTOR.id,
    "webhook-timestamp": VECTOR.timestamp,
    "webhook-signature": VECTOR.signature,
    ...headers,
  };
  return verify({ headers: all, body }, webhookRules(settings), nowMs).ok;
}

test("20: the vector is taken, and among several signatures the second", () => {
  expect(checked({})).toBe(true);
  expect(checked({ "webhook-signature": `v1,AAAA ${VECTOR.signature}` })).toBe(true);
});

test.each([
  ["v1a only", { "webhook-signature": VECTOR.signature.replace("v1,", "v1a,") }],
  ["one wrong letter", { "webhook-signature": VECTOR.signature.replace("g0", "g1") }],
  ["no version", { "webhook-signature": VECTOR.signature.slice(3) }],
  ["none", { "webhook-signature": "" }],
  ["a version without a signature", { "webhook-signature": "v1" }],
  ["cut short", { "webhook-signature": VECTOR.signature.slice(0, -1) }],
  ["another id", { "webhook-id": "msg_other" }],
  ["no id", { "webhook-id": "" }],
  ["another time", { "webhook-timestamp": "1614265331" }],
  ["a time that is a power", { "webhook-timestamp": "1614265330e0" }],
  ["a time with a space", { "webhook-timestamp": " 1614265330" }],
  ["a time twice", { "webhook-timestamp": "1614265330, 1614265330" }],
  ["a time in hexadecimal", { "webhook-timestamp": "0x6037be72" }],
])("20, 6: refused without a throw: %s", (_what, headers) => {
  expect(checked(headers)).toBe(false);
});

test("20: more signatures than are looked at do not count", () => {
  const many = `${"v1,AAAA ".repeat(10)}${VECTOR.signature}`;

  expect(checked({ "webhook-signature": many })).toBe(false);
});

test("4, 5: 300 seconds early or late are taken, 301 are not", () => {
  const at = (seconds: number) => checked({}, { nowMs: NOW_MS + seconds * 1_000 });

  expect([-301, -300, 300, 301].map(at)).toEqual([false, true, true, false]);
});

test("10: while a secret is changed both are taken, and the old one no longer after", () => {
  const signed = (secret: string) => checked({}, { settings: { secret } });

  expect(signed(`${OTHER} ${VECTOR.secret}`)).toBe(true);
  expect(signed(OTHER)).toBe(false);
});

test("8: bytes are verified, not what they are decoded to", () => {
  const body = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from([0x7b, 0xff, 0x7d])]);
  const key = Buffer.from(VECTOR.secret.slice(6), "base64");
  const signature = signatureOver(key, body);

  expect(checked({ "webhook-signature": signature }, { body })).toBe(true);
  const decoded = bytesOf(new TextDecoder().decode(body));
  expect(checked({ "webhook-signature": signature }, { body: decoded })).toBe(false);
});

test("what the standard's library signs is taken, whatever it says", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }),
      fc.stringMatching(/^[A-Za-z0-9_]{1,40}$/),
      (text, id) => {
        const signature = new Webhook(OTHER).sign(id, new Date(NOW_MS), text);
        const headers = { "webhook-id": id, "webhook-signature": signature };

        expect(checked(headers, { body: bytesOf(text), settings: { secret: OTHER } })).toBe(true);
        expect(checked(headers, { body: bytesOf(`${text} `), settings: { secret: OTHER } })).toBe(
          false,
        );
      },
    ),
    { numRuns: 50 },
  );
});

const LEGACY = { legacy_header: "X-Hub-Signature-256", legacy_secret: "It'saSecrettoEverybody" };

test("the example that GitHub has published is taken", () => {
  const legacyKeys = [Buffer.from("It's a Secret to Everybody")];
  const signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  const rules = { keys: [], legacyHeader: "x-hub-signature-256", legacyKeys };
  const headers = { "x-hub-signature-256": `sha256=${signature}` };

  expect(verify({ headers, body: bytesOf("Hello, World!") }, rules, NOW_MS).ok).toBe(true);
  expect(verify({ headers, body: bytesOf("Hello, World") }, rules, NOW_MS).ok).toBe(false);
});

test("the older header is taken where it is configured, in either case of hexadecimal, and else never", () => {
  const body = bytesOf("Hello, World!");
  const rules = webhookRules(LEGACY);
  const mac = hexOver(LEGACY.legacy_secret, body);
  const taken = (headers: Readonly<Record<string, string>>, given = rules) =>
    verify({ headers, body }, given, NOW_MS).ok;
  const name = "x-hub-signature-256";

  expect(taken({ [name]: `sha256=${mac}` })).toBe(true);
  expect(taken({ [name]: `sha256=${mac.toUpperCase()}` })).toBe(true);
  expect(taken({ [name]: mac })).toBe(false);
  expect(taken({ [name]: `sha256=${mac.slice(2)}` })).toBe(false);
  expect(taken({})).toBe(false);
  expect(taken({ [name]: `sha256=${mac}` }, webhookRules({ secret: OTHER }))).toBe(false);
  // A wrong signature of the standard is not made good by a right one of the older kind.
  expect(taken({ [name]: `sha256=${mac}`, "webhook-signature": "v1,AAAA" })).toBe(false);
});

test.each([
  [{}, /needs a secret/, "/secret"],
  [{ secret: "" }, /needs a secret/, "/secret"],
  [{ secret: "whsec_" }, /24 to 64 bytes/, "/secret"],
  [{ secret: `whsec_${Buffer.alloc(23).toString("base64")}` }, /24 to 64 bytes/, "/secret"],
  [{ secret: "plain-text-of-many-letters-here-x" }, /whsec_/, "/secret"],
  [{ secret: `${OTHER} `.repeat(6) }, /at most 5/, "/secret"],
  [{ legacy_header: "X-Sig", secret: OTHER }, /go together/, "/legacy_secret"],
  [{ legacy_secret: "x".repeat(16) }, /go together/, "/legacy_header"],
  [{ legacy_secret: "x".repeat(15), legacy_header: "X-Sig" }, /at least 16/, "/legacy_secret"],
  [{ secret: OTHER, reply: "callback" as const }, /callback_url/, "/callback_url"],
  [{ secret: OTHER, callback_url: "ftp://example.com" }, /http/, "/callback_url"],
  [{ secret: OTHER, callback_url: "https://me:pw@example.com" }, /credentials/, "/callback_url"],
  [
    { ...LEGACY, callback_url: "https://a.example", reply: "callback" as const },
    /signed/,
    "/secret",
  ],
  [{ secret: OTHER, callback_hosts: ["https://x"] }, /no host/, "/callback_hosts/0"],
])(
  "11: an account that could not be safe or work does not open: %j",
  (settings, message, pointer) => {
    expect(() => webhookRules(settings)).toThrow(message);
    expect(() => webhookRules(settings)).toThrow(
      expect.objectContaining({ code: "INVALID", details: { pointer } }),
    );
  },
);

function signatureOver(key: Uint8Array, body: Uint8Array): string {
  // Written out here once more: the library cannot sign bytes that are no text.
  const mac = createHmac("sha256", key).update(`${VECTOR.id}.${VECTOR.timestamp}.`).update(body);
  return `v1,${mac.digest("base64")}`;
}

function hexOver(secret: string, body: Uint8Array): string {
  return createHmac("sha256", secret).update(body).digest("hex");
}
