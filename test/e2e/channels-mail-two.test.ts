// Two servers, each with data of its own, that were given one mailbox (case 72): every mail is answered once, and
// the one that stands back says why.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { made, madeAgent, startChannelProduct, until } from "../support/channels/channel-desk.ts";
import { type Dovecot, hasDovecot, startDovecot } from "../support/channels/dovecot.ts";
import { mailSettings } from "../support/channels/mail-account.ts";
import { mail } from "../support/channels/mail-reading.ts";
import { type MailTransfer, startMailTransfer } from "../support/channels/mail-transfer.ts";
import type { Product } from "../support/product.ts";

const PEOPLE = ["ann", "bob", "cleo", "dan", "eve", "fay"] as const;

describe.skipIf(!hasDovecot)("a mailbox", () => {
  let dovecot: Dovecot;
  let transfer: MailTransfer;
  const servers: { readonly product: Product; readonly desk: string }[] = [];

  beforeAll(async () => {
    dovecot = await startDovecot(["agent", ...PEOPLE]);
    transfer = await startMailTransfer((raw, users, from) => dovecot.deliver(raw, users, from));
    const { password, ...settings } = mailSettings(
      { imap: dovecot.imapPort, smtp: transfer.port },
      { poll_seconds: 1 },
    );
    for (let n = 0; n < 2; n += 1) {
      const product = await startChannelProduct({ env: { TROUPE_WORKERS: "1" } });
      const desk = await made(product, "/v2/channels", {
        ...{ name: "Mail", kind: "email", agent: await madeAgent(product), settings },
        ...{ secrets: { password } },
      });
      servers.push({ product, desk });
    }
  });
  afterAll(async () => {
    for (const { product } of servers) await product.end();
    await transfer?.stop();
    await dovecot?.remove();
  });

  const statuses = () =>
    Promise.all(
      servers.map(async ({ product, desk }) => {
        const { body } = await product.call("GET", `/v2/channels/${desk}/status`);
        return body;
      }),
    );

  test("that two servers watch gives one answer to a mail, and one of them says that it stands back", {
    timeout: 90_000,
  }, async () => {
    await until(statuses, (all) => all.every(({ connection }) => connection === "connected"));
    await Promise.all(
      PEOPLE.map((who) => {
        const from = `${who}@example.test`;
        const about = { From: from, Subject: "Hi", "Message-ID": `<${who}@example.test>` };
        return dovecot.deliver(mail(about, `Hello from ${who}`), ["agent"], from);
      }),
    );

    const answered = () => transfer.taken.flatMap(({ to }) => to.map((one) => one.split("@")[0]));
    await until(answered, (who) => who.length >= PEOPLE.length, 60_000);
    const isIdle = ({ notice }: { readonly notice: string | null }) => notice !== null;
    const all = await until(
      statuses,
      (now) => now.some(isIdle) && now.some(({ counts }) => counts.sent === PEOPLE.length),
      30_000,
    );

    expect(answered().toSorted()).toEqual([...PEOPLE]);
    const [idle] = all.filter(isIdle);
    expect(idle?.notice).toMatch(/^Another server \([a-f0-9]{12}\) takes the mails/);
    expect([all.filter(isIdle).length, idle?.counts.sent]).toEqual([1, 0]);
  });
});
