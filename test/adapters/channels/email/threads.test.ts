// Which session a mail belongs to, whose words it has, and what answers say of themselves. Cases 58, 59, 60.

import fc from "fast-check";
import { expect, test } from "vitest";
import { headerText } from "../../../../adapters/channels/email/address.ts";
import { compose, mailAddress } from "../../../../adapters/channels/email/compose.ts";
import { mailOf, readMail } from "../../../../adapters/channels/email/mail.ts";
import { idsIn, referencesFor } from "../../../../adapters/channels/email/message-ids.ts";
import { emailOptions } from "../../../../adapters/channels/email/settings.ts";
import { replySubject } from "../../../../adapters/channels/email/thread.ts";
import { mailSettings } from "../../../support/channels/mail-account.ts";
import { mail, message, ownMarks } from "../../../support/channels/mail-reading.ts";

const options = emailOptions(mailSettings({ imap: 1, smtp: 1 }));

async function answerTo(raw: Buffer, of: { key?: string; more?: object; settings?: object } = {}) {
  const { address } = await message(raw, of.settings ?? {});
  const to = mailAddress({ ...address, ...of.more });
  if (to === null) throw new Error("no address");
  const body = { text: "It is noon.", html: "<p>It is noon.</p>", files: [] };
  const with_ = emailOptions(mailSettings({ imap: 1, smtp: 1 }, of.settings ?? {}));
  const about = { key: of.key ?? "k1", marks: ownMarks, options: with_, nowMs: 0, files: [] };
  return await compose(body, to, about);
}

test("a reply is in the thread of what it answers, whichever of its ids a mail program leaves", async () => {
  const first = await message(mail());
  const ours = await answerTo(mail());
  const chains = [
    { "In-Reply-To": ours.id, References: `<one@example.test> ${ours.id}` },
    { "In-Reply-To": `${ours.id} (from Outlook)` },
    { References: `<cut@x>\r\n ${ours.id}` },
    { References: "<one@example.test> <other@x>" },
    { "In-Reply-To": "<one@example.test>" },
  ];

  const threads = await Promise.all(
    chains.map(async (chain) => (await message(mail({ "Message-ID": "<two@x>", ...chain }))).place),
  );

  expect(threads).toEqual(chains.map(() => first.place));
  expect((await message(mail({ "Message-ID": "<new@x>" }))).place).not.toEqual(first.place);
});

test("ids of another person's thread lead into a session of one's own (case 58)", async () => {
  const hers = await message(mail());
  const toHer = await answerTo(mail());
  const forged = {
    From: "mallory@example.test",
    "Message-ID": "<evil@x>",
    "In-Reply-To": toHer.id,
    References: `<one@example.test> ${toHer.id}`,
  };

  const his = await message(mail(forged));

  expect(his.place.conversation).toBe("mallory@example.test");
  expect(his.place.conversation).not.toBe(hers.place.conversation);
  // A mark that was made for her says nothing in his mail.
  const alone = await message(mail({ ...forged, References: null }));
  expect(alone.place.thread).not.toBe(hers.place.thread);
});

test("a +tag finds the thread where both chains are gone, for its own person alone", async () => {
  const settings = { plus_addressing: true };
  const ours = mailOf(await readMail((await answerTo(mail(), { settings })).raw));
  const to = ours.replyTo ?? "";

  const again = await message(mail({ To: to, "Message-ID": "<two@x>" }), settings);
  const others = await message(mail({ To: to, "Message-ID": "<3@x>", From: "m@x.test" }), settings);

  expect(to).toMatch(/^agent\+t\./);
  expect(again.place.thread).toBe((await message(mail())).place.thread);
  expect(others.place.thread).not.toBe(again.place.thread);
});

test("one Message-ID from two senders is two mails, and without one the bytes tell them apart (case 59)", async () => {
  const dedupe = async (raw: Buffer) => (await message(raw)).dedupe;

  const alice = await dedupe(mail());
  const bob = await dedupe(mail({ From: "bob@example.test" }));
  const one = await dedupe(mail({ "Message-ID": null }, "one"));
  const two = await dedupe(mail({ "Message-ID": null }, "two"));

  expect(alice).toEqual(await dedupe(mail({ Received: "by another way" })));
  expect(alice).not.toEqual(bob);
  expect(one).not.toEqual(two);
  expect(one).toEqual(await dedupe(mail({ "Message-ID": null }, "one")));
});

test("no line end of a subject or a name gets into a header (case 60)", async () => {
  const evil = "x\r\nBcc: victim@example.test\r\n\r\nbody\u2028\u0000";
  const more = { subject: evil, name: evil, inReplyTo: `<a@b>\r\nBcc: v@x`, references: [evil] };

  const { raw } = await answerTo(mail(), { more });
  const sent = mailOf(await readMail(raw));

  expect(headerText(evil, 250)).toBe("x Bcc: victim@example.test body");
  expect(raw.toString()).not.toMatch(/^bcc:/im);
  expect(sent.header("bcc")).toEqual([]);
  expect(sent.recipients).toEqual(["alice@example.test"]);
  expect(mailAddress({ to: "alice@example.test\r\nBcc: v@x.test" })).toBeNull();
});

test("an answer says what it answers, that a program wrote it, and is the same mail under the same key", async () => {
  const raw = mail({ References: "<root@x> <mid@x>", Subject: "AW: Re[2]: FWD: Prices" });
  const [one, same, other] = [
    await answerTo(raw),
    await answerTo(raw),
    await answerTo(raw, { key: "k2" }),
  ];
  const sent = mailOf(await readMail(one.raw));

  expect(one.id).toBe(same.id);
  expect(one.id).not.toBe(other.id);
  expect(sent.id).toBe(one.id);
  expect(sent.subject).toBe("Re: Prices");
  expect(sent.inReplyTo).toEqual(["<one@example.test>"]);
  expect(sent.references).toEqual(["<root@x>", "<mid@x>", "<one@example.test>"]);
  expect(sent.header("auto-submitted")).toEqual(["auto-replied"]);
  expect(sent.header("x-auto-response-suppress")).toEqual(["All"]);
  // Another account of this adapter does not answer it, nor does this one (case 56).
  const back = await message(one.raw);
  expect(back.sender).toMatchObject({ isSelf: true, isAutomatic: true });
  const elsewhere = await message(one.raw, { address: "other@example.test" });
  expect(elsewhere.sender).toMatchObject({ isSelf: false, isAutomatic: true });
});

test("with quote the words that are answered stand below the answer", async () => {
  const { raw } = await answerTo(mail({}, "When?\n\n> earlier"), { settings: { quote: true } });

  expect((await readMail(raw)).text).toMatch(
    /^It is noon\.\n\nOn Mon, 23 Nov 2026 .* Alice wrote:\n> When\?/,
  );
});

test("references keep the first and the last ids within their bytes", () => {
  const id = fc
    .string({ minLength: 1, maxLength: 200, unit: fc.constantFrom(..."abc.@") })
    .map((text) => `<${text}>`);
  fc.assert(
    fc.property(fc.uniqueArray(id, { maxLength: 60 }), id, (chain, parent) => {
      const all = referencesFor(chain, parent);
      expect(all[0]).toBe(chain[0] ?? parent);
      expect(all.join(" ").length).toBeLessThanOrEqual(900);
      expect(chain.includes(parent) || all.at(-1) === parent).toBe(true);
      expect(idsIn(all.join(" "))).toEqual(all);
    }),
  );
});

test("a subject gets one Re:, whatever was before it", () => {
  const given = ["Hi", "Re: Hi", "RE: re: Hi", "AW: WG: Hi", "Re[3]: Hi", "SV: Hi", ""];

  expect(given.map(replySubject)).toEqual([
    ...Array.from({ length: 6 }, () => "Re: Hi"),
    "Re: your message",
  ]);
});

test("an address is an id by case and domain form only: dots, tags, looks and names are others (case 69)", async () => {
  const idOf = async (From: string) => (await message(mail({ From }))).sender.id;

  expect(await idOf("ALICE@Example.TEST")).toBe("alice@example.test");
  expect(await idOf("a.lice@example.test")).not.toBe("alice@example.test");
  expect(await idOf("alice+x@example.test")).not.toBe("alice@example.test");
  expect(await idOf('"alice@example.test" <mallory@evil.test>')).toBe("mallory@evil.test");
  // A Cyrillic letter, and a full-width one.
  expect(await idOf("\u0430lice@example.test")).not.toBe("alice@example.test");
  expect(await idOf("\uff41lice@example.test")).not.toBe("alice@example.test");
  expect(await idOf("alice@ex\u0430mple.test")).toBe("alice@xn--exmple-4nf.test");
  expect(options.own.has("agent@example.test")).toBe(true);
});
