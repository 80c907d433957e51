// Mail that nobody has written, reports of deliveries, and senders that our mail server vouches for.
// Cases 55 and 57.

import { describe, expect, test } from "vitest";
import { mail, message, ownMarks, read } from "../../../support/channels/mail-reading.ts";

const automatic: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["an auto-reply", { "Auto-Submitted": "auto-replied (vacation)" }],
  ["what a program made", { "auto-submitted": "Auto-Generated; type=x" }],
  ["an empty return path", { "Return-Path": "<>" }],
  ["bulk", { Precedence: "bulk" }],
  ["junk", { Precedence: "Junk" }],
  ["auto_reply", { Precedence: "auto_reply" }],
  ["a list", { "List-Id": "News <news.example.test>" }],
  ["a newsletter", { "List-Unsubscribe": "<https://example.test>" }],
  ["a list that does not name us", { Precedence: "list", To: "all@example.test" }],
  ["X-Autoreply", { "X-Autoreply": "yes" }],
  ["X-Autorespond", { "X-Autorespond": "Away" }],
  ["whoever wants no automatic answer", { "X-Auto-Response-Suppress": "DR, AutoReply" }],
  ["our own loop mark", { "X-Loop": "troupe agent@example.test" }],
  ["a mailer daemon", { From: "MAILER-DAEMON@example.test" }],
  ["no-reply", { From: "no-reply@shop.test" }],
  ["noreply with a tag", { From: "noreply+abc@shop.test" }],
  ["bounces of a service", { From: "bounce-17@service.test" }],
];

describe("never answered (case 57)", () => {
  test.each(automatic)("%s", async (_, headers) => {
    expect((await message(mail(headers))).sender.isAutomatic).toBe(true);
  });
});

test("people are answered, also over a company's forwarder and a list that the operator names", async () => {
  const people = [
    mail(),
    mail({ "Auto-Submitted": "no" }),
    mail({ Precedence: "list" }),
    mail({ Precedence: "normal" }),
    mail({ From: "bouncer@example.test" }),
    mail({ From: "nobody.special@example.test" }),
  ];

  for (const raw of people) expect((await message(raw)).sender.isAutomatic).toBe(false);
  const list = mail({ "List-Id": "Team <TEAM.example.test>", Precedence: "list" });
  const allowed = await message(list, { answer_lists: ["team.example.test"] });
  expect(allowed.sender.isAutomatic).toBe(false);
});

test("mail from our address, an alias or our own tag is our own echo (case 55)", async () => {
  const settings = { aliases: ["Help@Example.test"] };
  const from = [
    "agent@example.test",
    "AGENT@example.test",
    "help@example.test",
    "agent+t@example.test",
  ];

  for (const From of from) {
    expect((await message(mail({ From }), settings)).sender.isSelf).toBe(true);
  }
  expect((await message(mail({ From: "agent@other.test" }), settings)).sender.isSelf).toBe(false);
});

function report(
  id: string,
  of: { action?: string; recipient?: string; type?: string } = {},
): Buffer {
  const { action = "failed", recipient = "alice@example.test", type = "delivery-status" } = of;
  return mail(
    {
      From: "MAILER-DAEMON@mx.test",
      "Return-Path": "<>",
      "Message-ID": "<report@mx.test>",
      "Content-Type": `multipart/report; report-type=${type}; boundary=b`,
    },
    [
      ...["--b", "Content-Type: text/plain", "", "Sorry.", "--b"],
      ...["Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.test", ""],
      ...[`Final-Recipient: rfc822; ${recipient}`, `Action: ${action}`, "Status: 5.1.1"],
      ...["Diagnostic-Code: smtp; 550 5.1.1 No such", " user here", "", "--b"],
      ...["Content-Type: message/rfc822", "", `Message-ID: ${id}`, "To: <Alice@example.test>"],
      ...["Subject: Re: A question", "", "It is noon.", "--b--", ""],
    ].join("\r\n"),
  );
}

test("a report of a failed delivery is told to the session that sent the mail, with its reason (case 57)", async () => {
  const thread = (await message(mail())).place.thread ?? "";
  const id = ownMarks.messageId({ thread, key: "k", to: "alice@example.test" });

  const { events } = await read(report(id));

  expect(events).toMatchObject([
    {
      ...{ kind: "status", receipt: id, state: "failed", failure: "gone" },
      reason: "550 5.1.1 No such user here",
      place: { conversation: "alice@example.test", thread },
    },
  ]);
  expect((await read(report(id, { action: "delivered" }))).events).toMatchObject([
    { kind: "status", state: "delivered" },
  ]);
});

test("a report that is of no mail of ours, of a delay or of a reading is nothing at all", async () => {
  const thread = (await message(mail())).place.thread ?? "";
  const bobs = ownMarks.messageId({ thread, key: "k", to: "bob@example.test" });
  const hers = ownMarks.messageId({ thread, key: "k", to: "alice@example.test" });
  const nothing = { events: [], parked: [] };

  expect(await read(report("<stranger@x>"))).toEqual(nothing);
  expect(await read(report(bobs))).toEqual(nothing);
  expect(await read(report(hers, { action: "delayed" }))).toEqual(nothing);
  expect(await read(report(hers, { type: "disposition-notification" }))).toEqual(nothing);
});

const verified: readonly (readonly [boolean, readonly string[]])[] = [
  [true, ["mx.ours; dmarc=pass (p=none) header.from=example.test"]],
  [true, ["MX.ours 1; spf=fail; dkim=pass header.d=example.test"]],
  [true, ["mx.ours; dkim=pass header.i=@example.test"]],
  [false, ["mx.ours; spf=pass smtp.mailfrom=example.test"]],
  [false, ["mx.ours; dkim=pass header.d=evil.test"]],
  [false, ["mx.ours; dkim=pass header.d=test"]],
  [false, ["mx.ours; dkim=pass header.d=le.test"]],
  [false, ["mx.ours; dmarc=pass header.from=evil.test"]],
  [false, ["mx.ours; dmarc=fail (dmarc=pass; dmarc=pass) header.from=example.test"]],
  [false, ["mx.evil; dmarc=pass header.from=example.test"]],
  [false, ["mx.ours.evil; dmarc=pass header.from=example.test"]],
  // Our server's own is the topmost; the one below came with the mail.
  [false, ["mx.ours; dmarc=fail", "mx.ours; dmarc=pass header.from=example.test"]],
  [true, ["mx.inner; none", "mx.ours; dmarc=pass header.from=example.test"]],
  [false, []],
];

test.each(verified)("a sender is verified (%s) by %j", async (isVerified, results) => {
  const raw = mail({ "Authentication-Results": results });
  const settings = { authserv_id: "mx.ours" };

  expect((await message(raw, settings)).sender.isVerified).toBe(isVerified);
  const strict = await read(raw, { ...settings, require_auth: true });
  expect(strict.events.length).toBe(isVerified ? 1 : 0);
  expect(strict.parked.length).toBe(isVerified ? 0 : 1);
});

test("without a name for our own server nobody is verified", async () => {
  const raw = mail({ "Authentication-Results": "mx.ours; dmarc=pass header.from=example.test" });

  expect((await message(raw)).sender.isVerified).toBe(false);
});

test("a mail that names no sender, or two, is set aside", async () => {
  const wrong = [
    mail({ From: null }),
    mail({ From: ["alice@example.test", "evil@x.test"] }),
    mail({ From: "alice@example.test, evil@x.test" }),
    mail({ From: "nobody at all" }),
  ];

  for (const raw of wrong) {
    const { events, parked } = await read(raw);
    expect(events).toEqual([]);
    expect(parked[0]?.reason).toContain("exactly one sender");
  }
});

test("in the mail of a form Reply-To has written, in everybody else's the sender has", async () => {
  const raw = mail({ From: "noreply@form.test", "Reply-To": "Carl <carl@example.test>" });

  const { sender, place, address } = await message(raw, { forms: ["noreply@form.test"] });

  expect(sender).toMatchObject({ id: "carl@example.test", isAutomatic: false, isVerified: false });
  expect([place.conversation, address["to"]]).toEqual(["carl@example.test", "carl@example.test"]);
  const other = await message(mail({ "Reply-To": "carl@example.test" }));
  expect([other.place.conversation, other.address["to"]]).toEqual([
    "alice@example.test",
    "alice@example.test",
  ]);
});
