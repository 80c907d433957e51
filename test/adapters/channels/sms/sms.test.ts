// SMS by Twilio, whose own library signs and checks. Cases 15, 16, 36, 47-49, 67 and 73 of the channels' list.

import twilio from "twilio";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Outgoing, Part, SendResult } from "../../../../actors/channels/outgoing.ts";
import type { ChannelInstance, Handled } from "../../../../adapters/channels/adapter.ts";
import { sms } from "../../../../adapters/channels/sms/adapter.ts";
import type { SmsSettings } from "../../../../adapters/channels/sms/settings.ts";
import { isFromTwilio } from "../../../../adapters/channels/sms/verify.ts";
import { testEnvironment } from "../../../support/channels/test-environment.ts";
import {
  ACCOUNT,
  INVALID,
  newSid,
  STOPPED,
  signedForm,
  startTwilioServer,
  type TwilioServer,
  twilioError,
} from "../../../support/channels/twilio-server.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12);
const PUBLIC_URL = "https://troupe.example.com/gateway/sms/main";
const PERSON = "+15551234567";
const NUMBER = "+15558675310";
const ADDRESS = { to: PERSON, from: NUMBER };

let server: TwilioServer;
let environment: ReturnType<typeof testEnvironment>;
let instance: ChannelInstance;

beforeAll(async () => {
  server = await startTwilioServer(() => NOW_MS);
});
afterAll(() => server.stop());
beforeEach(() => {
  server.messages.length = 0;
  server.instead = null;
  open();
});

function open(settings: Partial<SmsSettings> = {}): void {
  environment = testEnvironment({ egress: { allowedHosts: ["127.0.0.1"] }, nowMs: NOW_MS });
  const { sid: account_sid, token: auth_token } = ACCOUNT;
  const all = { account_sid, auth_token, number: NUMBER, api_url: server.url, ...settings };
  instance = sms.create(all, environment);
}

async function handle(
  { body, headers }: { body: Uint8Array; headers: Record<string, string> },
  at: { readonly path?: string; readonly publicUrl?: string; readonly query?: string } = {},
): Promise<Handled> {
  const { path = "", query = "" } = at;
  const { publicUrl = `${PUBLIC_URL}${path}` } = at;
  const route = instance.routes.find((one) => one.path === path);
  if (route === undefined) throw new Error(`There is no route ${path}.`);
  return await route.handle({
    method: "POST",
    path,
    headers,
    query: new URLSearchParams(query),
    body,
    publicUrl,
  });
}

const statusOf = (handled: Handled) =>
  "refused" in handled ? handled.refused.status : handled.ack.status;
const fieldsOf = (more: Record<string, string> = {}) => ({
  MessageSid: newSid(),
  From: PERSON,
  To: NUMBER,
  Body: "Grüße 🎉 & more",
  NumMedia: "0",
  ...more,
});
const options = (attempt = 1) => ({ key: "key-1", attempt, signal: AbortSignal.timeout(20_000) });

async function say(outgoing: Outgoing, address: Record<string, unknown> = ADDRESS) {
  const results: SendResult[] = [];
  for (const part of instance.render(outgoing)) {
    results.push(await instance.send(part, address, options()));
  }
  return results;
}

test("case 15: Twilio's own vector is right for the configured address alone", () => {
  const url = "https://mycompany.com/myapp.php?foo=1&bar=2";
  const fields = {
    To: "+18005551212",
    Digits: "1234",
    From: "+14158675309",
    CallSid: "CA1234567890ABCDE",
    Caller: "+14158675309",
  };
  const form = new URLSearchParams(fields);
  const signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

  expect(isFromTwilio(url, form, signature, ["12345"])).toBe(true);
  expect(isFromTwilio(url, form, signature, ["new", "12345"])).toBe(true);
  const others = [
    url.replace("https", "http"),
    url.replace(".com", ".com:8443"),
    `${url}&baz=3`,
    "",
  ];
  for (const other of others) expect(isFromTwilio(other, form, signature, ["12345"])).toBe(false);
  for (const wrong of [undefined, "", "RSOYDt4T", `${signature} `, signature.toLowerCase()]) {
    expect(isFromTwilio(url, form, wrong, ["12345"])).toBe(false);
  }
  const twice = new URLSearchParams([...form, ["To", "+18005551212"], ["To", "+1"]]);
  const lists = { ...fields, To: ["+18005551212", "+18005551212", "+1"] };
  const expected = twilio.getExpectedTwilioSignature("12345", url, lists);
  expect(isFromTwilio(url, twice, expected, ["12345"])).toBe(true);
  expect(twilio.validateRequest("12345", signature, url, fields)).toBe(true);
});

test("case 16: what a request says of its own address changes nothing", async () => {
  const forged = signedForm("https://evil.example/gateway/sms/main", fieldsOf());
  const headers = { ...forged.headers, host: "evil.example", "x-forwarded-host": "evil.example" };
  const right = signedForm(PUBLIC_URL, fieldsOf());

  expect(statusOf(await handle({ ...forged, headers }))).toBe(401);
  expect(statusOf(await handle(right))).toBe(200);
  expect(statusOf(await handle(right, { publicUrl: "" }))).toBe(401);
  expect(statusOf(await handle(signedForm(PUBLIC_URL, fieldsOf(), "another")))).toBe(401);
  const altered = Buffer.from(right.body.toString().replace("more", "less"));
  expect(statusOf(await handle({ ...right, body: altered }))).toBe(401);
});

test("a message is known by its id, and answered with nothing to say", async () => {
  const fields = fieldsOf({ MessageSid: `SM${"a".repeat(32)}` });
  expect(await handle(signedForm(PUBLIC_URL, fields))).toMatchObject({
    events: [
      {
        kind: "message",
        text: "Grüße 🎉 & more",
        dedupe: [`m:SM${"a".repeat(32)}`],
        place: { conversation: PERSON, isDirect: true },
        address: ADDRESS,
        sender: { id: PERSON, isAutomatic: false },
      },
    ],
    ack: { status: 200, contentType: "text/xml", body: "<Response/>" },
    nack: { status: 200 },
  });
  const stop = await handle(signedForm(PUBLIC_URL, fieldsOf({ Body: "STOP", OptOutType: "STOP" })));
  expect(stop).toMatchObject({ events: [{ sender: { isAutomatic: true } }] });
  const other = await handle(signedForm(PUBLIC_URL, fieldsOf({ To: "+15550001111" })));
  expect(other).toMatchObject({ events: [{ place: { conversation: `+15550001111/${PERSON}` } }] });
  const broken = await handle(signedForm(PUBLIC_URL, { Body: "hi" }));
  expect(broken).toMatchObject({ events: [], ack: { status: 200 }, parked: [{}] });
});

test("what became of a message comes back with its key", async () => {
  open({ status_callback_url: `${PUBLIC_URL}/status` });
  await say({ text: "Hi" });
  const [message] = server.messages;
  const callback = message?.callback ?? "";
  const told = async (MessageStatus: string, more = {}) => {
    const fields = {
      MessageSid: message?.sid ?? "",
      To: PERSON,
      From: NUMBER,
      MessageStatus,
      ...more,
    };
    const signed = signedForm(callback, fields);
    return await handle(signed, { path: "/status", query: callback.split("?")[1] ?? "" });
  };

  expect(callback).toBe(`${PUBLIC_URL}/status?key=key-1`);
  expect(await told("delivered")).toMatchObject({
    events: [{ kind: "status", receipt: message?.sid, state: "delivered", key: "key-1" }],
  });
  expect(await told("undelivered", { ErrorCode: "21610" })).toMatchObject({
    events: [{ state: "failed", failure: "gone", reason: "Twilio error 21610" }],
  });
  expect(await told("queued")).toMatchObject({ events: [], ack: { status: 200 } });
});

test("answers are plain text of at most 1,600 characters, with choices written out and files named", async () => {
  const buttons = [
    { action: "a", label: "Yes" },
    { action: "b", label: "No" },
  ];
  const file = { name: "a.pdf", mediaType: "application/pdf", bytes: 3, id: "f" };
  const results = await say({ text: `**Hi** ${"word ".repeat(500)}`, buttons, files: [file] });

  expect(results.every(({ ok }) => ok)).toBe(true);
  const said = [...server.messages].reverse().map(({ body }) => body);
  expect(said.every((body) => body.length <= 1_600)).toBe(true);
  expect(said.join("\n")).toMatch(
    /^Hi word[\s\S]*1\. Yes[\s\S]*2\. No[\s\S]*\[a\.pdf\] cannot be sent/,
  );
});

test("cases 47 to 49: errors are told apart by Twilio's codes", async () => {
  expect(await say({ text: "Hi" }, { ...ADDRESS, to: STOPPED })).toMatchObject([{ class: "gone" }]);
  expect(await say({ text: "Hi" }, { ...ADDRESS, to: INVALID })).toMatchObject([{ class: "gone" }]);
  expect(await say({ text: "Hi" }, {})).toMatchObject([{ class: "gone" }]);
  expect(await say({ text: "" })).toMatchObject([{ class: "format" }]);
  const answers: [ReturnType<typeof twilioError>, string][] = [
    [twilioError(20003, 401, "Authenticate"), "auth"],
    [twilioError(20429, 429, "Too Many Requests"), "rate"],
    [twilioError(21611, 400, "queue is full"), "rate"],
    [twilioError(21617, 400, "too long"), "format"],
    [twilioError(20500, 500, "Internal Server Error"), "retry"],
    [{ status: 503, body: "<html>" }, "retry"],
    [{ status: 504, body: "" }, "unknown"],
    [{ status: 200, body: "<html>" }, "unknown"],
    [{ status: 201, body: "" }, "unknown"],
  ];
  for (const [answer, failure] of answers) {
    server.instead = () => answer;
    expect([answer, await say({ text: "Hi" })]).toMatchObject([answer, [{ class: failure }]]);
  }
  server.instead = () => ({ ...twilioError(20429, 429, "no"), headers: { "retry-after": "30" } });
  expect(await say({ text: "Hi" })).toMatchObject([{ retryAfterMs: 30_000 }]);
});

test("case 36: a message whose answer was lost is found by its text, unless there are several", async () => {
  const [part] = instance.render({ text: "Hi" }) as [Part];
  const look = () => instance.reconcile?.(part, ADDRESS, options());

  expect(await look()).toEqual({ state: "not_sent" });
  server.instead = () => ({ status: 504, body: "" });
  expect(await say({ text: "Hi" })).toMatchObject([{ class: "unknown" }]);
  server.instead = null;
  await say({ text: "Another" });
  const lost = server.messages.find(({ body }) => body === "Hi");
  expect(await look()).toEqual({ state: "sent", receipt: { id: lost?.sid } });
  environment.setNow(NOW_MS + 2 * 3_600_000);
  expect(await look()).toEqual({ state: "not_sent" });
  const sinceMs = NOW_MS - 1_000;
  expect(await instance.reconcile?.(part, ADDRESS, { ...options(), sinceMs })).toEqual({
    state: "sent",
    receipt: { id: lost?.sid },
  });
  environment.setNow(NOW_MS);
  await say({ text: "Hi" });
  expect(await look()).toEqual({ state: "unknown" });
  server.instead = () => ({ status: 500, body: "" });
  expect(await look()).toMatchObject({ state: "later" });
  server.instead = () => ({ ...twilioError(20429, 429, "no"), headers: { "retry-after": "30" } });
  expect(await look()).toMatchObject({ state: "later", retryAfterMs: 30_000 });
  // What may not be looked at is never known.
  server.instead = () => ({ status: 401, body: "" });
  expect(await look()).toEqual({ state: "unknown" });
});

test("case 67: files are fetched at Twilio alone, and the token goes no further", async () => {
  const path = `/2010-04-01/Accounts/${ACCOUNT.sid}/Messages/MM1/Media/ME1`;
  server.media.set(path, Buffer.from("picture"));
  const fields = fieldsOf({
    NumMedia: "1",
    MediaUrl0: `${server.url}${path}`,
    MediaContentType0: "image/png",
  });
  const handled = await handle(signedForm(PUBLIC_URL, fields));
  const event = "events" in handled ? handled.events[0] : undefined;
  const [file] = (event?.kind === "message" ? event.files : undefined) ?? [];
  if (file === undefined) throw new Error("There is no file.");
  const fetched = (url: unknown, bytesMax = 7) =>
    instance.fetchFile?.({ ...file, at: { url } }, bytesMax, AbortSignal.timeout(20_000));

  expect(file).toMatchObject({ name: "file-1.png", mediaType: "image/png" });
  expect(Buffer.from((await fetched(file.at["url"])) ?? []).toString()).toBe("picture");
  await expect(fetched(file.at["url"], 6)).rejects.toThrow();
  const others = [
    "https://evil.example/x",
    "http://api.twilio.com/x",
    "https://twilio.com.evil.example/",
    "file:///x",
    "",
  ];
  for (const url of others) {
    await expect(fetched(url)).rejects.toMatchObject({ code: "URL_REFUSED" });
  }
  server.instead = null;
  server.media.delete(path);
  server.instead = () => ({
    status: 307,
    body: "",
    headers: { location: "http://169.254.169.254/" },
  });
  await expect(fetched(file.at["url"])).rejects.toMatchObject({ code: "URL_REFUSED" });
});

test("a check says what is wrong, and no secret stands in what is said", async () => {
  const probe = async (settings: Partial<SmsSettings>) => {
    open(settings);
    const findings = await instance.probe(AbortSignal.timeout(20_000));
    return findings.filter(({ ok }) => !ok).map(({ text }) => text);
  };

  expect(await probe({})).toEqual([]);
  expect(await probe({ number: "+15550009999" })).toHaveLength(1);
  expect(await probe({ auth_token: "anothertoken" })).toEqual([
    "The account cannot be asked. Twilio error 20003: Authenticate",
  ]);
  expect(() => open({ auth_token: "" })).toThrow("auth_token");
  open();
  server.instead = () => twilioError(20003, 401, `Bad ${ACCOUNT.token}`);
  const said = JSON.stringify([await say({ text: "Hi" }), environment.logged]);
  expect(said).not.toContain(ACCOUNT.token);
});
