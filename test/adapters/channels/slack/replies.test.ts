// Commands where the bot is no member: they are answered at the address that came along, which is a secret.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { ChannelData } from "../../../../actors/channels/inbound.ts";
import { isReplyAddress } from "../../../../adapters/channels/slack/hosts.ts";
import { slackLimits } from "../../../../adapters/channels/slack/limits.ts";
import { loopbackEnvironment } from "../../../support/channels/loopback-environment.ts";
import {
  firstPart,
  openAccount,
  receiptOf,
  sendOptions,
} from "../../../support/channels/slack-account.ts";
import { signedForm } from "../../../support/channels/slack-sender.ts";
import { type SlackServer, startSlack } from "../../../support/channels/slack-server.ts";

let fake: SlackServer;
beforeAll(async () => {
  fake = await startSlack();
  fake.workspace.rooms.set("CFAR1", []);
  fake.workspace.foreign.add("CFAR1");
});
afterAll(async () => await fake.stop());

const form = {
  ...{ command: "/ask", text: "well?", team_id: "TTEAM1", channel_id: "CFAR1" },
  ...{ channel_name: "far", user_id: "UANNA1", user_name: "anna" },
};
let triggers = 0;

/** A command that was given: its address, and what is said by it. */
async function asked(url: string, more: object = {}, clock: () => number = Date.now) {
  const { account, environment } = openAccount(fake, {}, loopbackEnvironment(clock));
  const [route] = account.routes;
  triggers += 1;
  const request = signedForm({ ...form, ...more, trigger_id: `${triggers}`, response_url: url });
  const handled = await route?.handle(request);
  if (handled === undefined || "refused" in handled) throw new Error("The command was refused.");
  const address: ChannelData = handled.events[0]?.address ?? {};
  const send = (text: string, of: object = {}) =>
    account.send(firstPart(account, text), address, { ...sendOptions(), ...of });
  return { account, environment, address, send };
}

/** A new address of the fake, and what was said there. */
function replyAddress() {
  const path = fake.workspace.replyPath();
  const said = () => fake.workspace.replies.get(path)?.said ?? [];
  return { url: `${fake.url}${path}`, said, texts: () => said().map(({ text }) => text) };
}

test.each(["CFAR1", "CUNKNOWN1"])("a command in %s is answered to who gave it", async (room) => {
  const { url, said } = replyAddress();
  const { send } = await asked(url, { channel_id: room });

  const receipt = receiptOf(await send("**Well**."));

  expect(said()).toMatchObject([{ response_type: "ephemeral", text: "*Well*.", mrkdwn: true }]);
  expect(receipt.id).not.toBe("");
});

test("where the bot is a member the room is answered, and nothing goes to the command's address", async () => {
  const { url, said } = replyAddress();
  const { send } = await asked(url, { channel_id: "CROOM1" });

  receiptOf(await send("Well."));

  expect(fake.workspace.saidByBot("CROOM1").map(({ text }) => text)).toEqual(["Well."]);
  expect(said()).toEqual([]);
});

test("five answers are said, the sixth and a late one are dead letters that say why", async () => {
  let nowMs = Date.now();
  const { url, texts } = replyAddress();
  const { send } = await asked(url, {}, () => nowMs);
  for (let n = 1; n <= slackLimits.replies; n += 1) receiptOf(await send(`n${n}`));

  const sixth = await send("n6");
  const late = await asked(replyAddress().url, {}, () => nowMs);
  nowMs += slackLimits.replyMs + 1_000;
  const after = await late.send("Too late");

  expect(texts()).toEqual(["n1", "n2", "n3", "n4", "n5"]);
  const why = (what: RegExp) => ({ class: "gone", reason: expect.stringMatching(what) });
  expect(sixth).toMatchObject(why(/5 answers.*invite the bot/));
  expect(after).toMatchObject(why(/30 minutes.*invite the bot/));
});

test("what Slack has counted or ended itself is a dead letter too, and says no address", async () => {
  const { url } = replyAddress();
  const { send } = await asked(url);
  const { pathname } = new URL(url);
  const known = fake.workspace.replies.get(pathname);
  if (known !== undefined) known.endsMs = 0;

  const result = await send("Well.");

  expect(result).toMatchObject({ ok: false, class: "gone" });
  expect(JSON.stringify(result)).not.toContain("secret-of-a-command");
});

test("the address is sealed where it is stored, and in no log", async () => {
  const { url } = replyAddress();
  const { address, environment, send } = await asked(url);
  fake.fault("chat.postMessage", { body: JSON.stringify({ ok: false, error: "not_in_channel" }) });
  receiptOf(await send("Well."));
  const other = openAccount(fake);

  const elsewhere = await other.account.send(
    firstPart(other.account, "Well."),
    address,
    sendOptions(),
  );

  expect(JSON.stringify([address, environment.lines])).not.toMatch(/hooks|secret-of-a-command/);
  expect(elsewhere).toMatchObject({ ok: false, class: "gone" });
});

test("no other host is answered, and a preview is left out", async () => {
  const { url, said } = replyAddress();
  const { send } = await asked(url);
  const elsewhere = [
    ...["https://evil.example/hooks", "https://hooks.slack.com.evil.example/x"],
    ...["http://hooks.slack.com/x", "https://hooks.slack.com:8443/x", "https://a@hooks.slack.com/"],
    ...["https://files.slack.com/x", "http://169.254.169.254/latest", "not an address", ""],
  ];

  for (const wrong of elsewhere) {
    const { address } = await asked(wrong);
    expect([wrong, address["reply"]]).toEqual([wrong, undefined]);
    expect(isReplyAddress(wrong, "https://slack.com/api")).toBe(false);
  }
  const preview = await send("Well", { isPreview: true });

  expect(isReplyAddress("https://hooks.slack.com/commands/T1/2/x", "https://slack.com/api")).toBe(
    true,
  );
  expect(preview).toMatchObject({ class: "gone" });
  expect(said()).toEqual([]);
});

test("a press there is answered by its own address, and buttons go along", async () => {
  const { account, address } = await asked(replyAddress().url);
  const outgoing = { text: "May I?", buttons: [{ action: "ap_1.approve", label: "Approve" }] };
  receiptOf(await account.send(firstPart(account, outgoing), address, sendOptions()));
  const said = [...fake.workspace.replies.values()].findLast((one) => one.said.length > 0)?.said;
  const { url, texts } = replyAddress();
  const payload = {
    ...{ type: "block_actions", team: { id: "TTEAM1" }, user: { id: "UANNA1" } },
    ...{ channel: { id: "CFAR1" }, container: { type: "message", is_ephemeral: true } },
    ...{ response_url: url, trigger_id: "p1" },
    actions: [{ type: "button", action_id: "troupe_0", value: "ap_1.approve", action_ts: "1.1" }],
  };

  const handled = await account.routes[0]?.handle(signedForm({ payload: JSON.stringify(payload) }));

  if (handled === undefined || "refused" in handled) throw new Error("It was refused.");
  const [event] = handled.events;
  const part = firstPart(account, "Approved.");
  receiptOf(await account.send(part, event?.address ?? {}, sendOptions()));
  expect(JSON.stringify(said?.[0]?.["blocks"])).toContain("ap_1.approve");
  expect(texts()).toEqual(["Approved."]);
});
