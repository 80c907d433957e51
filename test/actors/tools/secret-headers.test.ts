// Secrets among a tool's headers: what readers get, and what is stored of what they send back.

import { expect, test } from "vitest";
import {
  HIDDEN,
  isSecretHeader,
  shownTool,
  shownUses,
  storedTool,
  storedUses,
} from "../../../actors/tools/secret-headers.ts";

const url = "https://shop.example.com/orders/{id}";
const tool = (headers: Record<string, string>, more: object = {}) => ({
  config: { url, headers, ...more },
});
const stored = tool({ Authorization: "Bearer one", Accept: "text/plain" });
const failureOf = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return (error as { details?: { pointer?: string } }).details?.pointer;
  }
};

test.each([
  ...["authorization", "X-Api-Key", "Cookie", "x-auth-token", "apikey", "X-Signature", "key"],
  ...["Ocp-Apim-Subscription-Key", "x-shop-password", "proxy-authorization", "x-session-id"],
])("the value of %s is a secret", (name) => {
  expect(isSecretHeader(name, {})).toBe(true);
});

test.each(["accept", "content-type", "x-tenant", "keyboard"])("that of %s is none", (name) => {
  expect(isSecretHeader(name, {})).toBe(false);
  expect(isSecretHeader(name, { secret_headers: [name.toUpperCase()] })).toBe(true);
});

test("readers get neither values of secrets nor lose anything else", () => {
  const marked = tool({ "x-shop": "s3cret", accept: "a" }, { secret_headers: ["X-Shop"] });

  expect(shownTool(stored)).toEqual(tool({ Authorization: HIDDEN, Accept: "text/plain" }));
  expect(shownTool(marked).config.headers).toEqual({ "x-shop": HIDDEN, accept: "a" });
  expect(shownUses([{ tool: "calculator" }])).toEqual([{ tool: "calculator" }]);
  expect(shownUses(null)).toBeNull();
});

test("what is sent back as it was shown keeps what is stored, in whatever case", () => {
  const sent = tool({ authorization: HIDDEN, Accept: "application/json" });

  const kept = storedTool(sent, stored, "");

  expect(kept).toEqual(tool({ authorization: "Bearer one", Accept: "application/json" }));
});

test("a new value takes the place of the stored one", () => {
  const sent = tool({ Authorization: "Bearer two" });

  expect(storedTool(sent, stored, "")).toEqual(sent);
});

test.each([
  ["another host", { url: "https://evil.example.com/{id}" }],
  ["no address of its own", { url: undefined }],
  ["further hosts", { allowed_hosts: ["evil.example.com"] }],
  ["another host to ask after a crash", { reconcile_url: "https://evil.example.com/{operation}" }],
  ["plain text", { url: "http://shop.example.com/orders/{id}" }],
])("a secret is not kept for %s", (_name, more) => {
  const sent = tool({ Authorization: HIDDEN }, more);

  expect(failureOf(() => storedTool(sent, stored, ""))).toBe("/config/headers/Authorization");
});

test("a secret that was only marked is not kept when the mark goes", () => {
  const marked = tool({ "x-shop": "s3cret" }, { secret_headers: ["x-shop"] });

  const sent = tool({ "x-shop": HIDDEN });

  expect(failureOf(() => storedTool(sent, marked, "/tools/3"))).toBe(
    "/tools/3/config/headers/x-shop",
  );
});

test("of a new tool there is nothing to keep", () => {
  const sent = { tool: "http_request", ...stored } as const;
  const again = { ...sent, ...tool({ Authorization: HIDDEN }) };

  expect(failureOf(() => storedUses([again], []))).toBe("/tools/0/config/headers/Authorization");
  expect(storedUses([{ tool: "calculator" }, again], [sent])).toEqual([
    { tool: "calculator" },
    { ...sent, config: { url, headers: { Authorization: "Bearer one" } } },
  ]);
  const other = { ...again, name: "other" };
  expect(failureOf(() => storedUses([other], [sent]))).toBe(
    "/tools/0/config/headers/Authorization",
  );
});

test.each([undefined, null, 7, "***", [HIDDEN], { headers: 7 }, { headers: [HIDDEN] }])(
  "what is no configuration at all (%j) is left to the schema",
  (config) => {
    const sent = { config } as never;

    expect(storedTool(sent, stored, "")).toBe(sent);
    expect(shownTool(sent)).toBe(sent);
  },
);
