// kill -9 of the real process, 8 times, while people write to a mailbox of a real Dovecot and every mail comes
// twice: nobody gets two answers, and who gets none is listed as unknown. Eight kills, as each start has to log
// in anew and a mail is answered more slowly than a chat.

import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seeded } from "../../runtime/testkit/schedule.ts";
import {
  listed,
  made,
  madeAgent,
  startChannelProduct,
  until,
} from "../support/channels/channel-desk.ts";
import { type Dovecot, hasDovecot, startDovecot } from "../support/channels/dovecot.ts";
import { mailSettings } from "../support/channels/mail-account.ts";
import { mail } from "../support/channels/mail-reading.ts";
import { type MailTransfer, startMailTransfer } from "../support/channels/mail-transfer.ts";
import { freePort, killed } from "../support/channels/storm.ts";
import type { Product } from "../support/product.ts";

const SEED = 88;
const KILLS = 8;
/** From the moment it listens: it has to log in first. */
const LIFE_MS = [400, 2_200] as const;
const PEOPLE = ["ann", "bob", "cleo", "dan", "eve", "fay"] as const;
const MAILS = 30;
const EVERY_MS = 900;
/** What a mail server takes before and after it has handed a mail on, ms. */
const TRANSFER_MS = 150;
const SETTLED_MS = 60_000;

describe.skipIf(!hasDovecot)("a mailbox", () => {
  let product: Product;
  let dovecot: Dovecot;
  let transfer: MailTransfer;
  let desk = "";
  const random = seeded(SEED);

  beforeAll(async () => {
    dovecot = await startDovecot(["agent", ...PEOPLE]);
    transfer = await startMailTransfer(async (raw, users, from) => {
      await pause(random() * TRANSFER_MS);
      await dovecot.deliver(raw, users, from);
      await pause(random() * 2 * TRANSFER_MS);
    });
    const port = await freePort();
    product = await startChannelProduct({
      env: { TROUPE_PORT: String(port), TROUPE_WORKERS: "1" },
    });
    const { password, ...settings } = mailSettings(
      { imap: dovecot.imapPort, smtp: transfer.port },
      { poll_seconds: 1 },
    );
    desk = await made(product, "/v2/channels", {
      ...{ name: "Mail", kind: "email", agent: await madeAgent(product), settings },
      ...{ secrets: { password }, replies_per_hour: 10_000, messages_per_minute: 10_000 },
    });
  });
  afterAll(async () => {
    await product?.end();
    await transfer?.stop();
    await dovecot?.remove();
  });

  /** Everybody writes, and a server on the way delivers each mail once more. */
  async function storm(): Promise<readonly string[]> {
    const marks: string[] = [];
    const again: Promise<void>[] = [];
    for (let n = 0; n < MAILS; n += 1) {
      const mark = `e${n}.`;
      const from = `${PEOPLE[n % PEOPLE.length]}@example.test`;
      const about = { From: from, Subject: `About ${n}`, "Message-ID": `<${mark}@example.test>` };
      const raw = mail(about, `What about ${mark}`);
      marks.push(mark);
      await dovecot.deliver(raw, ["agent"], from);
      const repeat = async (): Promise<void> => {
        await pause(random() * 4_000);
        await dovecot.deliver(raw, ["agent"], from);
      };
      again.push(repeat());
      await pause(EVERY_MS * (0.5 + random()));
    }
    await Promise.all(again);
    return marks;
  }

  /** Answers that were handed on, by the mark of what they answer. */
  const answered = (): readonly string[] =>
    transfer.taken.map(
      ({ raw }) => /^In-Reply-To:\s*<(e\d+\.)@/im.exec(raw.toString("latin1"))?.[1] ?? "none",
    );

  test("8 times kill -9 while mails come twice: nobody gets two answers, and who gets none is listed", {
    timeout: 180_000,
  }, async () => {
    const startMs = Date.now();
    const [marks] = await Promise.all([
      storm(),
      killed(product, { kills: KILLS, lifeMs: LIFE_MS, random }),
    ]);
    const stormMs = Date.now() - startMs;
    const unknown = async (): Promise<readonly string[]> =>
      (await listed(product, desk, "deliveries?status=unknown")).map(
        ({ text }) => /e\d+\./.exec(text)?.[0] ?? text,
      );
    const open = async (): Promise<number> => {
      const of = (status: string) => listed(product, desk, `deliveries?status=${status}`);
      return [...(await of("pending")), ...(await of("sending"))].length;
    };
    await until(
      async () => {
        const known = new Set([...answered(), ...(await unknown())]);
        return [await open(), ...marks.filter((mark) => !known.has(mark))];
      },
      (left) => left.length === 1 && left[0] === 0,
      SETTLED_MS,
    );

    const seen = answered();
    const lost = await unknown();
    console.log(
      `channels-mail-kill.test: ${MAILS} mails, ${seen.length} answers, ${lost.length} unknown; ` +
        `${stormMs} ms, settled after ${Date.now() - startMs - stormMs}`,
    );
    expect(seen).not.toContain("none");
    expect(seen.toSorted()).toEqual([...new Set(seen)].toSorted());
    expect(new Set(lost).size).toBe(lost.length);
    // Two mails are under way at once: what waited for its turn is known not to have been sent.
    expect(lost.length).toBeLessThanOrEqual(2 * KILLS);
    for (const status of ["failed", "expired"])
      expect(await listed(product, desk, `deliveries?status=${status}`)).toEqual([]);
  });
});
