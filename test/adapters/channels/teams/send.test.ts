// What is said at Teams: replies, edits, cards, tokens that end (case 50), errors (49), files, and where the
// bot's token goes.

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Outgoing } from "../../../../actors/channels/outgoing.ts";
import { teams } from "../../../../adapters/channels/teams/adapter.ts";
import { isFileAddress, isServiceAddress } from "../../../../adapters/channels/teams/hosts.ts";
import { receiptOf, sendOptions } from "../../../support/channels/discord-account.ts";
import { loopbackEnvironment } from "../../../support/channels/loopback-environment.ts";
import {
  APP,
  BOT_ID,
  startTeams,
  type TeamsServer,
} from "../../../support/channels/teams-server.ts";

let fake: TeamsServer;
beforeAll(async () => {
  fake = await startTeams();
});
afterAll(async () => await fake.stop());
beforeEach(() => {
  fake.calls.length = 0;
  fake.activities.clear();
});

function open(settings: object = {}, clock: () => number = Date.now) {
  const environment = loopbackEnvironment(clock);
  const account = teams.create({ ...fake.settings, ...settings } as never, environment);
  const address = {
    ...{ serviceUrl: fake.serviceUrl, conversation: "19:room@thread.tacv2;messageid=99" },
    ...{ bot: BOT_ID, user: "29:anna", activity: "in-1" },
  };
  const part = (outgoing: Outgoing | string) => {
    const [first] = account.render(typeof outgoing === "string" ? { text: outgoing } : outgoing);
    if (first === undefined) throw new Error("Nothing was rendered.");
    return first;
  };
  const send = (outgoing: Outgoing | string, to: object = {}) =>
    account.send(part(outgoing), { ...address, ...to }, sendOptions());
  return { account, environment, address, part, send };
}

const tokenCalls = () => fake.calls.filter(({ path }) => path.endsWith("/token")).length;
const said = () => [...fake.activities.values()];

test("an answer goes to the conversation it was asked in, in its thread", async () => {
  const { send, account, address } = open();

  receiptOf(await send("**Hello** <at>everyone</at>"));
  await account.typing?.(address, AbortSignal.timeout(5_000));

  expect(said()).toMatchObject([
    {
      ...{ type: "message", replyToId: "in-1", textFormat: "markdown" },
      ...{ from: { id: BOT_ID }, recipient: { id: "29:anna" } },
    },
  ]);
  expect(said()[0]?.["text"]).toMatch(/^\*\*Hello\*\*/);
  expect(said()[0]?.["text"]).not.toContain("<at>");
  const [post] = fake.calls.filter(({ path }) => path.startsWith("/emea"));
  expect(post?.path).toContain("/v3/conversations/19%3Aroom%40thread.tacv2%3Bmessageid%3D99/");
  expect(fake.calls.at(-1)?.body).toContain('"typing"');
});

test("twenty sends are one token, kept until it is about to end, and renewed when refused (50)", async () => {
  let nowMs = Date.now();
  const { send, environment } = open({}, () => nowMs);

  const results = await Promise.all(Array.from({ length: 20 }, (_, i) => send(`t${i}`)));
  expect(results.every(({ ok }) => ok)).toBe(true);
  expect(tokenCalls()).toBe(1);
  nowMs += 56 * 60_000;
  receiptOf(await send("about to end"));
  expect(tokenCalls()).toBe(2);
  fake.tokens.clear();
  const refused = await Promise.all([send("a"), send("b"), send("c")]);
  expect(refused.every(({ ok }) => ok)).toBe(true);
  expect(tokenCalls()).toBe(3);
  expect(environment.lines.join()).not.toContain(APP.password);
});

test("a secret that is refused is said without it, and of other settings no token is kept", async () => {
  const { send, environment } = open();
  receiptOf(await send("Hello"));
  const other = { ...fake.settings, app_password: "wrong-secret" };
  const account = teams.create(other as never, environment);
  const [part] = account.render({ text: "Hello" });
  if (part === undefined) throw new Error("Nothing was rendered.");

  const result = await account.send(part, open().address, sendOptions());

  expect(result).toMatchObject({
    class: "auth",
    reason: expect.stringContaining("invalid_client"),
  });
  expect(JSON.stringify(result)).not.toContain("wrong-secret");
});

test("the bot's token goes to nobody but Microsoft, whatever an address says", async () => {
  const { send, environment } = open();
  const elsewhere = [
    "https://smba.trafficmanager.net.evil.example/",
    "https://evil.example/smba.trafficmanager.net",
    "http://smba.trafficmanager.net/",
    "https://smba.trafficmanager.net@evil.example/",
    "https://smba.trafficmanager.net:8443/",
  ];

  for (const serviceUrl of elsewhere) {
    expect(await send("Hello", { serviceUrl })).toMatchObject({ class: "gone" });
  }

  expect(environment.urls.filter(({ url }) => url.includes("evil"))).toEqual([]);
  expect(isServiceAddress("https://smba.trafficmanager.net/emea/")).toBe(true);
  expect(isServiceAddress("https://smba.infra.gcc.teams.microsoft.com/x")).toBe(true);
  expect(isFileAddress("https://contoso-my.sharepoint.com/personal/a")).toBe(true);
  expect(isFileAddress("https://sharepoint.com.evil.example/a")).toBe(false);
});

test("errors are what they mean, pages of others none of Microsoft's (49)", async () => {
  const { send } = open();
  const results = [];
  const faults = [
    { status: 404, body: { error: { code: "ConversationNotFound", message: "gone" } } },
    { status: 400, body: { error: { code: "BadSyntax", message: "?" } } },
    { status: 429, headers: { "retry-after": "3" }, body: {} },
    { status: 404, body: "<html>" },
    { status: 502, body: "<html>" },
    { status: 503, body: "<html>" },
    { status: 200, body: "<html>" },
    { status: 412, body: {} },
  ];
  for (const fault of faults) {
    fake.fault("POST /emea", fault);
    const result = await send("Hello");
    results.push(result.ok ? "ok" : result.class);
    if (fault.status === 429) expect(result).toMatchObject({ retryAfterMs: 3_000 });
  }

  const wanted = ["gone", "format", "rate", "retry", "unknown", "retry", "unknown", "retry"];
  expect(results).toEqual(wanted);
});

test("messages are changed where they stand; one that is gone is said anew, once", async () => {
  const { account, address, part, send } = open();
  const first = receiptOf(await send("One"));
  const edit = (text: string) => account.edit?.(first, part(text), address, sendOptions());

  expect((await edit("Two"))?.ok).toBe(true);
  expect(said().map(({ text }) => text)).toEqual(["Two"]);
  fake.activities.clear();
  const anew = await edit("Three");
  const after = await edit("Four");
  expect(said().map(({ text }) => text)).toEqual(["Four"]);
  expect(receiptOf(after).id).toBe(receiptOf(anew).id);
});

test("buttons are a card below the text; files are named, as bots may not send them", () => {
  const { account } = open();
  const buttons = Array.from({ length: 8 }, (_, i) => ({ action: `a.${i}`, label: `B${i}` }));
  const file = { name: "report.pdf", mediaType: "application/pdf", bytes: 3, id: "f1" };

  const parts = account.render({ text: "Choose", buttons, files: [file] });

  expect(parts).toHaveLength(1);
  const text = JSON.stringify(parts[0]?.body);
  expect(text).toContain("report.pdf");
  expect(text).toContain('"type":"Action.Submit","title":"B0","data":{"troupe":"a.0"}');
  expect(text.match(/ActionSet/g)).toHaveLength(2);
  const long = account.render({ text: "word ".repeat(10_000) });
  for (const { body } of long) {
    expect(Buffer.byteLength(String(body["text"]), "utf16le")).toBeLessThan(28 * 1_024);
  }
});

test("files of people are fetched from where they may lie, and the token goes to the service alone", async () => {
  const { account, environment } = open({ file_hosts: ["files.example.com"] });
  const file = { id: "1", name: "a", mediaType: "application/octet-stream", bytes: null };
  const fetched = (url: string, max = 100) =>
    account.fetchFile?.({ ...file, at: { url } }, max, AbortSignal.timeout(5_000));

  const bytes = await fetched(`${fake.url}/files/1`);
  expect(Buffer.from(bytes ?? []).toString()).toBe("file of Anna");
  await expect(fetched("https://evil.example/a")).rejects.toMatchObject({ code: "URL_REFUSED" });
  await expect(fetched(`${fake.url}/files/1`, 5)).rejects.toMatchObject({
    code: expect.stringMatching(/BODY_TOO_LARGE|URL_FAILED/),
  });
  await expect(fetched("https://contoso.sharepoint.com.invalid/a")).rejects.toThrow("not kept");
  const theirs = environment.urls.filter(({ url }) => !url.startsWith(fake.url));
  expect(theirs).toEqual([]);
});

test("the look from outside says whether keys and tokens can be had", async () => {
  const look = async (settings: object) =>
    await open(settings).account.probe(AbortSignal.timeout(5_000));

  expect((await look({})).map(({ ok }) => ok)).toEqual([true, true]);
  const wrong = await look({ app_password: "wrong-secret" });
  expect(wrong.map(({ ok }) => ok)).toEqual([true, false]);
  expect(JSON.stringify(wrong)).not.toContain("wrong-secret");
  fake.fault("GET /keys", { status: 500 });
  expect((await look({})).map(({ ok }) => ok)).toEqual([false, true]);
});
