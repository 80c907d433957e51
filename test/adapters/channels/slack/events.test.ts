// What Slack's events mean: one message however often and in whatever order it is told (case 32), edits and
// deletions, threads and direct conversations, our own echo (55).

import { expect, test } from "vitest";
import { readEvent } from "../../../../adapters/channels/slack/events.ts";
import { namesBot, readableText } from "../../../../adapters/channels/slack/incoming-text.ts";
import { SlackSelf } from "../../../../adapters/channels/slack/self.ts";
import { envelopeOf, messageOf } from "../../../support/channels/slack-sender.ts";
import { BOT } from "../../../support/channels/slack-workspace.ts";

const self = new SlackSelf(undefined);
const read = (event: object, more: object = {}) => readEvent(envelopeOf(event, more), self).events;

test("a mention told twice is one message that names us, in whatever order it comes (32)", () => {
  const text = `<@${BOT.user}> what is new?`;
  const mention = () => read(messageOf({ type: "app_mention", text, channel_type: undefined }));
  const message = () => read(messageOf({ text }));

  const [[first], [second]] = [mention(), message()];

  const keys = new Set(second?.dedupe);
  expect(first?.dedupe.filter((key) => keys.has(key))).toEqual([
    "slack:TTEAM1/CROOM1/1700000000.000100/message",
  ]);
  for (const event of [first, second]) {
    expect(event).toMatchObject({
      ...{ kind: "message", isMention: true, text: "what is new?" },
      ...{ message: "CROOM1:1700000000.000100", atMs: 1_700_000_000_000 },
    });
  }
  expect(first?.place).toEqual(second?.place);
  expect(read(messageOf({ text: "<@UOTHER> hello" }))).toMatchObject([{ isMention: false }]);
});

test("in rooms the first message and its replies are one thread; direct conversations have none unless people open one", () => {
  const reply = { ts: "1700000050.000100", thread_ts: "1700000000.000100" };
  const direct = { channel: "DX1", channel_type: "im" };
  const [root] = read(messageOf());
  const [answer] = read(messageOf(reply));
  const [group] = read(messageOf({ channel: "GX1", channel_type: "mpim" }));
  const [alone] = read(messageOf(direct));
  const [threaded] = read(messageOf({ ...direct, ...reply }));

  expect(root?.place).toEqual({
    ...{ conversation: "CROOM1", thread: "1700000000.000100" },
    ...{ user: "UANNA1", isDirect: false },
  });
  expect(answer?.place).toEqual(root?.place);
  expect(answer?.address).toEqual({
    ...{ team: "TTEAM1", channel: "CROOM1", thread: "1700000000.000100" },
  });
  expect(answer).toMatchObject({ answers: "CROOM1:1700000000.000100" });
  expect(group?.place.isDirect).toBe(false);
  expect(alone?.place).toEqual({ conversation: "DX1", user: "UANNA1", isDirect: true });
  expect(alone?.address).toEqual({ team: "TTEAM1", channel: "DX1" });
  expect(threaded?.place).toMatchObject({ thread: "1700000000.000100", isDirect: true });
});

test("an edit tells the new text; links that unfold and threads that grow tell nothing", () => {
  const changed = (message: object, previous: object = { text: "hello" }) =>
    read({
      ...{ type: "message", subtype: "message_changed", channel: "CROOM1", hidden: true },
      ...{ channel_type: "channel", ts: "1700000060.000100", event_ts: "1700000060.000100" },
      message: { ...messageOf(), ...message },
      previous_message: { ...messageOf(), ...previous },
    });

  const edit = changed({
    text: "hello &amp; more",
    edited: { user: "UANNA1", ts: "1700000059.000000" },
  });

  expect(edit).toMatchObject([
    {
      ...{ kind: "edit", message: "CROOM1:1700000000.000100", text: "hello & more" },
      sender: { id: "UANNA1", isSelf: false },
      place: { conversation: "CROOM1", thread: "1700000000.000100" },
    },
  ]);
  expect(edit[0]?.dedupe).toContain("slack:TTEAM1/CROOM1/1700000000.000100/edit/1700000059.000000");
  expect(changed({ attachments: [{ title: "a page" }] })).toEqual([]);
  expect(changed({ reply_count: 2 })).toEqual([]);
  expect(changed({ subtype: "tombstone", text: "This message was deleted." })).toMatchObject([
    { kind: "delete", message: "CROOM1:1700000000.000100", sender: { id: "UANNA1" } },
  ]);
});

test("a deletion names what is gone, known or not", () => {
  const deleted = (more: object) =>
    read({
      ...{ type: "message", subtype: "message_deleted", channel: "CROOM1" },
      ...{ deleted_ts: "1700000000.000100", ts: "1700000070.000100" },
      ...more,
    });

  expect(deleted({ previous_message: messageOf() })).toMatchObject([
    { kind: "delete", message: "CROOM1:1700000000.000100", sender: { id: "UANNA1" } },
  ]);
  expect(deleted({})).toMatchObject([{ kind: "delete", sender: { id: "unknown" } }]);
});

test("our own words are known by app, by user and by bot, in posts, edits and deletions (55)", () => {
  const known = new SlackSelf(undefined);
  known.learn("UBOTX", "BBOTX");
  const wrote = (event: object, more: object = {}) =>
    readEvent(envelopeOf(event, more), known).events[0]?.sender.isSelf;
  const nobody = { authorizations: [] };

  expect(wrote(messageOf({ app_id: BOT.app, bot_id: "B1" }), nobody)).toBe(true);
  expect(wrote(messageOf({ user: BOT.user }))).toBe(true);
  expect(wrote(messageOf({ user: "UBOTX" }), nobody)).toBe(true);
  expect(
    wrote(messageOf({ user: undefined, bot_id: "BBOTX", subtype: "bot_message" }), nobody),
  ).toBe(true);
  const change = { type: "message", subtype: "message_changed", channel: "CROOM1" };
  const ours = messageOf({ bot_id: "BBOTX", text: "new" });
  expect(wrote({ ...change, message: ours, previous_message: { text: "old" } }, nobody)).toBe(true);
  const gone = { ...change, subtype: "message_deleted", deleted_ts: "1700000000.000100" };
  expect(wrote({ ...gone, previous_message: ours }, nobody)).toBe(true);
  expect(wrote(messageOf(), nobody)).toBe(false);
  expect(wrote(messageOf({ bot_id: "BOTHER", app_id: "AOTHER" }))).toBe(false);
});

test("other programs are flagged, Slack's own voice is nobody's, and what happens in a room is no message", () => {
  expect(
    read(messageOf({ bot_id: "BOTHER", user: undefined, subtype: "bot_message", username: "CI" })),
  ).toMatchObject([{ sender: { id: "BOTHER", name: "CI", isBot: true, isSelf: false } }]);
  expect(read(messageOf({ user: "USLACKBOT" }))).toMatchObject([{ sender: { isAutomatic: true } }]);
  for (const subtype of ["channel_join", "channel_topic", "message_replied", "pinned_item"]) {
    expect(read(messageOf({ subtype }))).toEqual([]);
  }
  expect(read({ type: "reaction_added", user: "UANNA1" })).toEqual([]);
});

test("files come along with where they are kept; those that are gone do not", () => {
  const files = [
    {
      ...{ id: "F1", name: "a.pdf", mimetype: "application/pdf", size: 12, mode: "hosted" },
      ...{
        url_private: "https://files.slack.com/a",
        url_private_download: "https://files.slack.com/d",
      },
    },
    { id: "F2", file_access: "check_file_info" },
    { id: "F3", mode: "tombstone" },
  ];

  expect(read(messageOf({ subtype: "file_share", text: "", files }))).toMatchObject([
    {
      ...{ kind: "message", text: "" },
      files: [
        {
          ...{ id: "F1", name: "a.pdf", mediaType: "application/pdf", bytes: 12 },
          at: { id: "F1", url: "https://files.slack.com/d" },
        },
        {
          id: "F2",
          name: "F2",
          mediaType: "application/octet-stream",
          bytes: null,
          at: { id: "F2" },
        },
      ],
    },
  ]);
});

test("a message without ids is set aside with what it was, and without the envelope's token", () => {
  const { events, parked } = readEvent(envelopeOf(messageOf({ ts: "yesterday" })), self);

  expect(events).toEqual([]);
  expect(parked).toMatchObject([{ reason: expect.stringContaining("without ids") }]);
  expect(parked[0]?.raw).toContain("yesterday");
  expect(parked[0]?.raw).not.toContain("verification");
});

test("Slack's marks are read as they are shown", () => {
  const bots = new Set([BOT.user]);
  const shown = (text: string) => readableText(text, bots);

  expect(shown(`<@${BOT.user}>: <@${BOT.user}|troupe> /status`)).toBe("/status");
  expect(shown(`ask <@${BOT.user}> and <@UANNA1|anna> in <#C1|general>`)).toBe(
    `ask @${BOT.user} and @anna in #general`,
  );
  expect(shown("<!here> <!subteam^S1|@team> <!date^1392734382^{date}|Feb 18>")).toBe(
    "@here @team Feb 18",
  );
  expect(shown("<https://a.example/?a=1&amp;b=2|a page> <https://b.example>")).toBe(
    "[a page](https://a.example/?a=1&b=2) https://b.example",
  );
  expect(shown("<mailto:a@b.example|a@b.example> 1 &lt; 2 &amp;amp;")).toBe(
    "a@b.example 1 < 2 &amp;",
  );
  expect(namesBot(`&lt;@${BOT.user}&gt;`, bots)).toBe(false);
  expect(namesBot(`<@${BOT.user}X>`, bots)).toBe(false);
});
