// An account at Slack: its tokens (case 50), files (67), the sign of writing, the look from outside, and that
// secrets are said nowhere (73).

import { afterAll, beforeAll, expect, test } from "vitest";
import { slack } from "../../../../adapters/channels/slack/adapter.ts";
import { isSlackAddress } from "../../../../adapters/channels/slack/hosts.ts";
import { loopbackEnvironment } from "../../../support/channels/loopback-environment.ts";
import {
  firstPart,
  nobodyAt,
  openAccount,
  receiptOf,
  room,
  sendOptions,
} from "../../../support/channels/slack-account.ts";
import { SECRET } from "../../../support/channels/slack-sender.ts";
import { type SlackServer, startSlack } from "../../../support/channels/slack-server.ts";
import { TOKEN } from "../../../support/channels/slack-workspace.ts";

let fake: SlackServer;
beforeAll(async () => {
  fake = await startSlack();
});
afterAll(async () => await fake.stop());

const logs: string[] = [];

test("twenty sends with a token that has ended are one renewal, and all arrive (50)", async () => {
  const { workspace } = fake;
  workspace.tokens.set("xoxe.xoxb-old", Date.now() - 1);
  workspace.refresh.add("xoxe-1-first");
  const rotating = {
    ...{ bot_token: "xoxe.xoxb-old", refresh_token: "xoxe-1-first" },
    ...{ client_id: workspace.client.id, client_secret: workspace.client.secret },
  };
  const { account, environment } = openAccount(fake, rotating);
  const before = fake.calls.length;

  const results = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      account.send(firstPart(account, `t${i}`), room, sendOptions()),
    ),
  );
  const renewals = fake.calls.slice(before).filter(({ method }) => method === "oauth.v2.access");
  // Another process opens the account with the settings it has always had.
  const later = slack.create(
    { ...rotating, signing_secret: "s", api_url: fake.apiUrl },
    environment,
  );
  const after = await later.send(firstPart(account, "later"), room, sendOptions());

  expect(results.map(({ ok }) => ok)).toEqual(results.map(() => true));
  expect(renewals).toHaveLength(1);
  expect(after.ok).toBe(true);
  logs.push(...environment.lines);
});

test("a look at settings alone uses no refresh token up, and says that the token has ended", async () => {
  const { workspace } = fake;
  workspace.tokens.set("xoxe.xoxb-over", Date.now() - 1);
  workspace.refresh.add("xoxe-1-once");
  const settings = {
    ...{ bot_token: "xoxe.xoxb-over", refresh_token: "xoxe-1-once", signing_secret: "s" },
    ...{ client_id: workspace.client.id, client_secret: workspace.client.secret },
    api_url: fake.apiUrl,
  };
  const environment = { ...loopbackEnvironment(), looksOnly: true as const };

  const [ended] = await slack.create(settings, environment).probe(new AbortController().signal);

  expect(ended).toMatchObject({ ok: true, text: expect.stringContaining("has ended") });
  expect(workspace.refresh.has("xoxe-1-once")).toBe(true);
});

test("a token about to end is renewed before; one that cannot be renewed is refused in words without it", async () => {
  const { workspace } = fake;
  workspace.refresh.add("xoxe-1-second");
  const rotating = {
    ...{ bot_token: "xoxe.xoxb-gone", refresh_token: "xoxe-1-second" },
    ...{ client_id: workspace.client.id, client_secret: workspace.client.secret },
  };
  let nowMs = Date.now();
  const environment = loopbackEnvironment(() => nowMs);
  const settings = { signing_secret: "s", api_url: fake.apiUrl, ...rotating };
  const account = slack.create(settings, environment);

  const first = await account.send(firstPart(account, "hello"), room, sendOptions());
  nowMs += 43_200_000 - 5 * 60_000;
  const before = fake.calls.length;
  const second = await account.send(firstPart(account, "hello"), room, sendOptions());
  const methods = fake.calls.slice(before).map(({ method }) => method);
  // Installed anew: what was kept of the tokens before is worth nothing.
  fake.workspace.tokens.set("xoxb-anew", null);
  const anew = { ...settings, bot_token: "xoxb-anew", refresh_token: "xoxe-1-anew" };
  await slack.create(anew, environment).send(firstPart(account, "anew"), room, sendOptions());
  const token = fake.calls.at(-1)?.token;
  const lost = slack.create({ ...settings, refresh_token: "xoxe-1-used" }, loopbackEnvironment());
  const refused = await lost.send(firstPart(account, "hello"), room, sendOptions());

  expect([first.ok, second.ok]).toEqual([true, true]);
  expect(methods).toEqual(["oauth.v2.access", "chat.postMessage"]);
  expect(token).toBe("xoxb-anew");
  expect(refused).toMatchObject({
    class: "auth",
    reason: expect.stringContaining("invalid_refresh_token"),
  });
  expect(JSON.stringify(refused)).not.toContain("xoxe");
});

test("a renewal without an answer says nothing of the message, and a token that has not ended is used meanwhile", async () => {
  const { workspace } = fake;
  let nowMs = Date.now();
  const environment = loopbackEnvironment(() => nowMs);
  workspace.refresh.add("xoxe-1-third");
  const { account } = openAccount(
    fake,
    {
      ...{ bot_token: "xoxe.xoxb-past", refresh_token: "xoxe-1-third" },
      ...{ client_id: workspace.client.id, client_secret: workspace.client.secret },
    },
    environment,
  );
  const part = firstPart(account, "hello");

  fake.fault("oauth.v2.access", { status: 500 });
  const unrenewed = await account.send(part, room, sendOptions());
  const renewed = await account.send(part, room, sendOptions());
  nowMs += 43_200_000 - 5 * 60_000;
  fake.fault("oauth.v2.access", { status: 500 });
  const meanwhile = await account.send(part, room, sendOptions());

  expect(unrenewed).toMatchObject({ ok: false, class: "retry" });
  expect([renewed.ok, meanwhile.ok]).toEqual([true, true]);
});

test("bytes of a file are given to Slack's hosts alone (67)", async () => {
  const { account, environment } = openAccount(fake);
  const file = { id: "fl_1", name: "report.txt", mediaType: "text/plain", bytes: 1 };
  environment.files.set("fl_1", new Uint8Array(1));
  const upload = { ok: true, upload_url: "https://files.slack.com.evil.example/u", file_id: "F1" };
  fake.fault("files.getUploadURLExternal", { body: JSON.stringify(upload) });

  const result = await account.send(
    firstPart(account, { text: "", files: [file] }),
    room,
    sendOptions(),
  );

  expect(result).toMatchObject({ ok: false, class: "retry" });
  expect(environment.urls.map(({ url }) => url)).toEqual([
    `${fake.apiUrl}/files.getUploadURLExternal`,
  ]);
});

test("a file goes out in three steps and comes in with our token", async () => {
  const { account, environment } = openAccount(fake);
  const bytes = new TextEncoder().encode("report");
  environment.files.set("fl_1", bytes);
  const file = { id: "fl_1", name: "report.txt", mediaType: "text/plain", bytes: bytes.length };
  const parts = account.render({ text: "", files: [file] });
  const [part] = parts;
  if (part === undefined) throw new Error("Nothing was rendered.");

  const sent = receiptOf(await account.send(part, room, sendOptions()));
  const id = sent.id.replace("file:", "");
  const back = await account.fetchFile?.(
    { id, name: "report.txt", mediaType: "text/plain", bytes: null, at: { id } },
    1_000,
    AbortSignal.timeout(5_000),
  );
  fake.fault("files.completeUploadExternal", { status: 500 });
  const unsure = await account.send(part, room, sendOptions());
  fake.fault("files.getUploadURLExternal", { status: 500 });
  const unseen = await account.send(part, room, sendOptions());

  expect(parts).toHaveLength(1);
  expect(fake.workspace.saidByBot("CROOM1").at(-1)?.files).toEqual([{ id, title: "report.txt" }]);
  expect(Buffer.from(back ?? []).toString()).toBe("report");
  expect(fake.uploads.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  expect(unsure).toMatchObject({ class: "unknown" });
  expect(await account.reconcile?.(part, room, sendOptions())).toEqual({ state: "unknown" });
  // Nobody has seen anything of it: it may be begun again.
  expect(unseen).toMatchObject({ class: "retry" });
});

test("our token goes to Slack's hosts alone, and files keep to their limit (67)", async () => {
  const { account, environment } = openAccount(fake);
  const fetched = (url: string, more: object = {}) =>
    account.fetchFile?.(
      { id: "F1", name: "a.bin", mediaType: "application/zip", bytes: null, at: { url }, ...more },
      10,
      AbortSignal.timeout(5_000),
    );
  const foreign = [
    ...[
      "http://169.254.169.254/latest",
      "https://evil.example/a",
      "https://slack.com.evil.example/",
    ],
    ...[
      "http://files.slack.com/a",
      "https://files.slack.com:8443/a",
      "https://u:p@files.slack.com/a",
    ],
    ...["file:///etc/passwd", "no address", `${fake.url.replace("127.0.0.1", "127.0.0.2")}/a`],
  ];

  for (const url of foreign) {
    await expect(fetched(url)).rejects.toMatchObject({ code: "URL_REFUSED" });
  }
  expect(environment.urls).toEqual([]);
  expect(isSlackAddress("https://files.slack.com/files-pri/T1-F1/a", "https://slack.com/api")).toBe(
    true,
  );
  expect(isSlackAddress("https://files.slack-gov.com/a", "https://slack-gov.com/api")).toBe(true);
  fake.workspace.files.set("FBIG", {
    id: "FBIG",
    name: "big",
    length: 11,
    bytes: new Uint8Array(11),
  });
  const big = `${fake.url}/files-pri/FBIG`;
  await expect(fetched(big, { bytes: 11 })).rejects.toMatchObject({ code: "BODY_TOO_LARGE" });
  await expect(fetched(big)).rejects.toMatchObject({ code: "URL_FAILED" });
  const stranger = slack.create(
    { bot_token: "xoxb-other", signing_secret: "s", api_url: fake.apiUrl },
    loopbackEnvironment(),
  );
  const file = {
    id: "FBIG",
    name: "big",
    mediaType: "application/zip",
    bytes: null,
    at: { url: big },
  };
  await expect(stranger.fetchFile?.(file, 100, AbortSignal.timeout(5_000))).rejects.toThrow(
    /files:read/,
  );
});

test("a sign that an answer is written is given in threads, and not tried again for a while when refused", async () => {
  const { account } = openAccount(fake);
  const root = fake.workspace.say("CROOM1", { user: "UANNA1", text: "hello" });
  const address = { ...room, thread: root.ts };
  const { signal } = sendOptions();

  await account.typing?.(room, signal);
  await account.typing?.(address, signal);
  fake.fault("assistant.threads.setStatus", { body: '{"ok":false,"error":"missing_scope"}' });
  await account.typing?.(address, signal);
  await account.typing?.(address, signal);

  expect(fake.workspace.statuses).toEqual([
    { channel: "CROOM1", thread: root.ts, status: "is thinking..." },
  ]);
});

test("a look at the account says who it is, what is missing and what nobody can know", async () => {
  const { signal } = sendOptions();
  const texts = async (settings: object) =>
    (await openAccount(fake, settings).account.probe(signal))
      .map(({ ok, text }) => `${ok}: ${text}`)
      .join("\n");
  fake.workspace.scopes = "chat:write,im:history,files:read";

  const good = await texts({ app_token: "xapp-fake-1" });
  const bad = await texts({ bot_token: "xoxb-wrong", app_token: "xapp-wrong" });
  const away = await texts({ api_url: `${await nobodyAt()}/api` });

  expect(good).toContain("true: Slack knows the bot as @troupe of Fake.");
  expect(good).toContain(
    "false: Rooms cannot name the bot: the scope app_mentions:read is missing.",
  );
  expect(good).toContain("true: Slack opens a connection for Socket Mode.");
  expect(good).toContain("true: The signing secret is set; whether it is the right one shows");
  expect(bad).toContain("false: The bot's token is refused");
  expect(bad).toContain("false: Socket Mode: Slack's apps.connections.open: invalid_auth");
  expect(away).toContain("false: Slack could not be asked");
  logs.push(good, bad, away);
});

test("no token, secret or ticket stands in a reason, a log or a finding (73)", async () => {
  const { account, environment } = openAccount(fake);
  const body = JSON.stringify({
    ...{ ok: false, error: "invalid_arguments" },
    response_metadata: { messages: [`[ERROR] ${"x".repeat(200)} ${TOKEN} ${"x".repeat(200)}`] },
  });
  fake.fault("chat.postMessage", { body });

  const result = await account.send(firstPart(account, "hello"), room, sendOptions());

  const all = [...logs, ...environment.lines, JSON.stringify(result)].join("\n");
  expect(all).toContain("***");
  if (!result.ok) expect(result.reason.length).toBe(300);
  for (const secret of [TOKEN, "xoxe", "xapp-fake", "client-secret-1", SECRET, "secret-ticket"]) {
    expect(all).not.toContain(secret);
  }
});
