// kill -9 of the real process, 21 times, while people write to a mailbox of a real Dovecot and every mail comes
// twice. It dies where it hurts: at what the mail servers see it do. Nobody gets two answers; who gets none is
// listed as unknown, and that is only whose copy in the sent folder does not say whether it was sent.

import { setTimeout as pause } from "node:timers/promises";
import { ImapFlow } from "imapflow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seeded } from "../../runtime/testkit/schedule.ts";
import {
  listed,
  made,
  madeAgent,
  startChannelProduct,
  until,
} from "../support/channels/channel-desk.ts";
import { type Dovecot, hasDovecot, PASSWORD, startDovecot } from "../support/channels/dovecot.ts";
import { type ImapTap, type Passing, startImapTap } from "../support/channels/imap-tap.ts";
import { mailSettings } from "../support/channels/mail-account.ts";
import { mail } from "../support/channels/mail-reading.ts";
import { type MailTransfer, startMailTransfer } from "../support/channels/mail-transfer.ts";
import { freePort } from "../support/channels/storm.ts";
import type { Product } from "../support/product.ts";

const SEED = 88;
/**
 * What it is killed at. fetched: it has asked for a mail. claimed: it claims it. marked: it says that it has taken it
 * in. noted: it writes a copy of an answer. named: it has
 * named the recipient. taken: the answer was handed on, which it has not been told. confirmed: it says in the
 * copy that the answer was sent.
 */
const MOMENTS = [
  ...(["fetched", "claimed", "marked"] as const),
  ...(["noted", "named", "taken", "confirmed"] as const),
];
type Moment = (typeof MOMENTS)[number];
const KILLS = 21;
/** Every second time it has what it asked for, and dies within this time, ms. */
const AFTER_MS = 30;
const MOMENT_MS = 30_000;
const PEOPLE = Array.from({ length: 20 }, (_, n) => `person${n}`);
const EVERY_MS = 600;
/** The second copy of a mail comes within this time, ms. */
const AGAIN_MS = 4_000;
/** Mails that were not answered yet: more than a kill leaves unknown, few enough for the account's rate at the end. */
const OPEN_MAX = 2 * KILLS + 10;
const SETTLED_MS = 90_000;

const asks: readonly (readonly [Moment, RegExp])[] = [
  ["fetched", /UID FETCH \d+ .*BODY/],
  ["claimed", /UID STORE .*UNCHANGEDSINCE/],
  ["marked", /UID STORE .*\$TroupeTaken/],
  ["noted", /APPEND/],
  ["confirmed", /UID STORE .*-FLAGS.*\\Draft/],
];

describe.skipIf(!hasDovecot)("a mailbox", () => {
  let product: Product;
  let dovecot: Dovecot;
  let tap: ImapTap;
  let transfer: MailTransfer;
  let desk = "";
  const random = seeded(SEED);
  /** What is waited for; its peer waits in turn until it is let go. */
  let awaited: { readonly moment: Moment; readonly isHere: () => Promise<Passing> } | null = null;

  const passing = async (moment: Moment): Promise<Passing> => {
    if (awaited?.moment !== moment) return "pass";
    const { isHere } = awaited;
    awaited = null;
    return await isHere();
  };

  beforeAll(async () => {
    dovecot = await startDovecot(["agent", ...PEOPLE]);
    tap = await startImapTap(dovecot.imapPort);
    tap.onAsked = async (text) => {
      const [moment] = asks.find(([, pattern]) => pattern.test(text)) ?? [];
      return moment === undefined ? "pass" : await passing(moment);
    };
    transfer = await startMailTransfer(async (raw, users, from) => {
      await dovecot.deliver(raw, users, from);
      await passing("taken");
    });
    transfer.onRecipient = async () => void (await passing("named"));
    const port = await freePort();
    product = await startChannelProduct({
      env: { TROUPE_PORT: String(port), TROUPE_WORKERS: "1" },
    });
    const { password, ...settings } = mailSettings(
      { imap: tap.port, smtp: transfer.port },
      { poll_seconds: 1 },
    );
    desk = await made(product, "/v2/channels", {
      ...{ name: "Mail", kind: "email", agent: await madeAgent(product), settings },
      ...{ secrets: { password }, replies_per_hour: 10_000, messages_per_minute: 10_000 },
    });
  });
  afterAll(async () => {
    await product?.end();
    await tap?.stop();
    await transfer?.stop();
    await dovecot?.remove();
  });

  /** Everybody writes until it is over, and a server on the way delivers each mail once more. */
  async function storm(over: AbortSignal): Promise<readonly string[]> {
    const marks: string[] = [];
    const again: Promise<void>[] = [];
    for (let n = 0; !over.aborted; n += 1) {
      if (n - answered().length > OPEN_MAX) {
        await until(answered, (seen) => n - seen.length <= OPEN_MAX || over.aborted, SETTLED_MS);
      }
      const mark = `e${n}.`;
      const from = `${PEOPLE[n % PEOPLE.length]}@example.test`;
      const about = { From: from, Subject: `About ${n}`, "Message-ID": `<${mark}@example.test>` };
      const raw = mail(about, `What about ${mark}`);
      marks.push(mark);
      await dovecot.deliver(raw, ["agent"], from);
      const repeat = async (): Promise<void> => {
        await pause(random() * AGAIN_MS);
        await dovecot.deliver(raw, ["agent"], from);
      };
      again.push(repeat());
      await pause(EVERY_MS * (0.5 + random()));
    }
    await Promise.all(again);
    return marks;
  }

  /** Kills it at a moment. @param isPassed what it asked for is done. @throws when the moment does not come. */
  async function killedAt(moment: Moment, isPassed: boolean): Promise<void> {
    let letGo: (how: Passing) => void = () => undefined;
    const held = new Promise<Passing>((resolve) => {
      letGo = resolve;
    });
    const late = AbortSignal.timeout(MOMENT_MS);
    await new Promise<void>((resolve, reject) => {
      late.addEventListener("abort", () => reject(new Error(`"${moment}" does not come.`)));
      const isHere = (): Promise<Passing> => {
        resolve();
        return held;
      };
      awaited = { moment, isHere };
    });
    if (isPassed) {
      letGo("pass");
      await pause(random() * AFTER_MS);
    }
    await product.kill();
    letGo("cut");
    await product.start();
  }

  /** Marks of the mails that copies in the sent folder answer, by whether these say that they were sent. */
  async function copies(): Promise<{ readonly sent: string[]; readonly unsure: string[] }> {
    const client = new ImapFlow({
      ...{ host: "127.0.0.1", port: dovecot.imapPort, secure: false, logger: false },
      auth: { user: "agent", pass: PASSWORD },
    });
    const found: { sent: string[]; unsure: string[] } = { sent: [], unsure: [] };
    await client.connect();
    try {
      await client.mailboxOpen("Sent", { readOnly: true });
      for await (const { flags, envelope } of client.fetch("1:*", { flags: true, envelope: true }))
        found[flags?.has("\\Draft") ? "unsure" : "sent"].push(markIn(envelope?.inReplyTo ?? ""));
    } finally {
      client.close();
    }
    return found;
  }

  const markIn = (text: string): string => /e\d+\./.exec(text)?.[0] ?? text;
  /** Answers that were handed on, by the mark of what they answer. */
  const answered = (): readonly string[] =>
    transfer.taken.map(({ raw }) =>
      markIn(/^In-Reply-To:\s*(.*)/im.exec(raw.toString("latin1"))?.[1] ?? "none"),
    );

  test("21 times kill -9 while mails come twice: nobody gets two answers, and who gets none is listed", {
    timeout: 240_000,
  }, async () => {
    const startMs = Date.now();
    const over = new AbortController();
    const kills = async (): Promise<void> => {
      try {
        for (let kill = 0; kill < KILLS; kill += 1) {
          const round = Math.floor(kill / MOMENTS.length);
          await killedAt(MOMENTS[kill % MOMENTS.length] as Moment, round % 2 === 1);
        }
      } finally {
        over.abort();
      }
    };
    const [marks] = await Promise.all([storm(over.signal), kills()]);
    const stormMs = Date.now() - startMs;
    const of = (status: string) => listed(product, desk, `deliveries?status=${status}`);
    const unknown = async () => (await of("unknown")).map(({ text }) => markIn(text));
    await until(
      async () => {
        const known = new Set([...answered(), ...(await unknown())]);
        const open = [...(await of("pending")), ...(await of("sending"))].length;
        return [open, ...marks.filter((mark) => !known.has(mark))];
      },
      (left) => left.length === 1 && left[0] === 0,
      SETTLED_MS,
    );

    const seen = answered();
    const lost = await unknown();
    const { sent, unsure } = await copies();
    console.log(
      `channels-mail-kill.test: ${marks.length} mails, ${seen.length} answers, ${lost.length} unknown; ` +
        `${stormMs} ms, settled after ${Date.now() - startMs - stormMs}`,
    );
    expect(seen.toSorted()).toEqual([...new Set(seen)].toSorted());
    expect(lost.toSorted()).toEqual(unsure.toSorted());
    expect([...sent, ...unsure].toSorted()).toEqual(marks.toSorted());
    expect(seen).toEqual(expect.arrayContaining(sent));
    // Two mails are under way at once: what waited for its turn is known not to have been sent.
    expect(lost.length).toBeLessThanOrEqual(2 * KILLS);
    for (const status of ["failed", "expired"]) expect(await of(status)).toEqual([]);
  });
});
