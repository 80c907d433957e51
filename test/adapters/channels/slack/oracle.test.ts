// The fake Slack is what Slack's own clients take for Slack: what the adapter is tested against is no
// invention of ours.

import { SocketModeClient } from "@slack/socket-mode";
import { type Logger, LogLevel, WebClient } from "@slack/web-api";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { envelopeOf, messageOf } from "../../../support/channels/slack-sender.ts";
import { type SlackServer, startSlack } from "../../../support/channels/slack-server.ts";
import { BOT, TOKEN } from "../../../support/channels/slack-workspace.ts";

let fake: SlackServer;
let client: WebClient;
beforeAll(async () => {
  fake = await startSlack();
  client = clientOf(TOKEN);
});
afterAll(async () => await fake.stop());

const quiet: Logger = {
  ...{
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  },
  ...{ setLevel: () => undefined, setName: () => undefined, getLevel: () => LogLevel.ERROR },
};
const options = () => ({
  slackApiUrl: `${fake.apiUrl}/`,
  logger: quiet,
  retryConfig: { retries: 0 },
  rejectRateLimitedCalls: true,
});
const clientOf = (token: string) => new WebClient(token, options());

test("the official client posts, finds by metadata, changes and uploads", async () => {
  const who = await client.auth.test();
  const posted = await client.chat.postMessage({
    ...{ channel: "CROOM1", text: "root" },
    metadata: { event_type: "t", event_payload: { k: "key-1" } },
  });
  const root = posted.ts ?? "";
  const reply = await client.chat.postMessage({
    channel: "CROOM1",
    text: "reply",
    thread_ts: root,
  });
  await client.chat.update({ channel: "CROOM1", ts: reply.ts ?? "", text: "changed" });
  const replies = await client.conversations.replies({
    ...{ channel: "CROOM1", ts: root, include_all_metadata: true },
  });
  const uploaded = await client.filesUploadV2({
    ...{ channel_id: "CROOM1", thread_ts: root },
    ...{ file: Buffer.from("report"), filename: "report.txt" },
  });

  expect(who).toMatchObject({ user_id: BOT.user, bot_id: BOT.bot });
  expect(replies.messages).toMatchObject([
    { text: "root", metadata: { event_payload: { k: "key-1" } } },
    { text: "changed", thread_ts: root, edited: { user: BOT.user } },
  ]);
  expect(uploaded.ok).toBe(true);
  expect(fake.workspace.saidByBot("CROOM1").at(-1)?.files).toHaveLength(1);
});

test("the official client knows the fake's errors, limits and renewed tokens", async () => {
  const post = (channel: string) => client.chat.postMessage({ channel, text: "x" });

  await expect(post("CNONE1")).rejects.toMatchObject({
    ...{ code: "slack_webapi_platform_error", data: { error: "channel_not_found" } },
  });
  await expect(clientOf("xoxb-no").auth.test()).rejects.toMatchObject({
    data: { error: "invalid_auth" },
  });
  fake.workspace.postsPerSecond = 1;
  await post("CROOM2");
  await expect(post("CROOM2")).rejects.toMatchObject({
    ...{ code: "slack_webapi_rate_limited_error", retryAfter: 1 },
  });
  fake.workspace.postsPerSecond = Number.POSITIVE_INFINITY;
  fake.workspace.refresh.add("xoxe-1-a");
  const { id, secret } = fake.workspace.client;
  const renew = () =>
    new WebClient(undefined, options()).oauth.v2.access({
      ...{ client_id: id, client_secret: secret },
      ...{ grant_type: "refresh_token", refresh_token: "xoxe-1-a" },
    });
  const renewed = await renew();
  const named = await clientOf(renewed.access_token ?? "").auth.test();

  expect(renewed).toMatchObject({
    expires_in: 43_200,
    refresh_token: expect.stringMatching(/^xoxe-1-/),
  });
  expect(named.ok).toBe(true);
  await expect(renew()).rejects.toMatchObject({ data: { error: "invalid_refresh_token" } });
});

test("the official client of Socket Mode is greeted, given an event, and its acknowledgement understood", async () => {
  const socket = new SocketModeClient({
    ...{
      appToken: "xapp-fake-1",
      logger: quiet,
      clientOptions: { slackApiUrl: `${fake.apiUrl}/` },
    },
  });
  const heard = new Promise<unknown>((resolve) => {
    socket.on("message", ({ ack, event }) => {
      void ack().then(() => resolve(event));
    });
  });

  await socket.start();
  const id = fake.deliver("events_api", envelopeOf(messageOf()));
  const event = await heard;
  await vi.waitFor(() => expect(fake.acknowledged.map((one) => one.envelope_id)).toContain(id), {
    timeout: 20_000,
  });
  await socket.disconnect();

  expect(event).toMatchObject({ text: "hello", channel: "CROOM1" });
});
