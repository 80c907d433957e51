// Two servers that watch one mailbox of a real Dovecot (case 72): each mail is taken in by one of them, the one
// that answers goes on answering, the other says so and takes over when it dies. Without Dovecot they skip.

import { ImapFlow } from "imapflow";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { email } from "../../../../adapters/channels/email/adapter.ts";
import { emailLimits } from "../../../../adapters/channels/email/limits.ts";
import {
  type Dovecot,
  hasDovecot,
  PASSWORD,
  startDovecot,
} from "../../../support/channels/dovecot.ts";
import { type ImapTap, type Passing, startImapTap } from "../../../support/channels/imap-tap.ts";
import {
  type KeptSink,
  keptSink,
  mailEnvironment,
  mailSettings,
} from "../../../support/channels/mail-account.ts";
import { mail } from "../../../support/channels/mail-reading.ts";

const withDovecot = test.skipIf(!hasDovecot);
const FAST = { timeout: 10_000, interval: 10 };

let dovecot: Dovecot;
let tap: ImapTap;
let users = 0;
let user = "";
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  if (!hasDovecot) return;
  dovecot = await startDovecot(Array.from({ length: 10 }, (_, one) => `agent${one}`));
  tap = await startImapTap(dovecot.imapPort);
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  tap.onAsked = () => "pass";
});
afterAll(async () => {
  await tap?.stop();
  await dovecot?.remove();
});

/** A server: what it keeps outlives its process. */
interface Server {
  readonly sink: KeptSink;
  readonly environment: ReturnType<typeof mailEnvironment>;
  readonly copy: () => Server;
  readonly start: (port?: number) => Promise<() => Promise<void>>;
  /** Its clock goes on by so much. */
  readonly later: (ms: number) => void;
}

function server(kept = mailEnvironment()): Server {
  const sink = keptSink();
  let aheadMs = 0;
  const environment = { ...kept, nowMs: () => Date.now() + aheadMs };
  return {
    ...{ sink, environment },
    copy: () => server(kept),
    later: (ms) => {
      aheadMs += ms;
    },
    start: async (port = dovecot.imapPort) => {
      const settings = mailSettings({ imap: port, smtp: 1 }, { user, poll_seconds: 1 });
      const instance = email.create(settings, environment);
      const stopping = new AbortController();
      const before = sink.statuses.length;
      const ended = instance.source?.(sink, stopping.signal) ?? Promise.resolve();
      const stop = async () => {
        stopping.abort();
        await ended;
        await instance.close();
      };
      closers.push(stop);
      await expect.poll(() => sink.statuses.slice(before).join(), FAST).toContain("connected");
      return stop;
    },
  };
}

const arrives = (...numbers: readonly number[]) =>
  Promise.all(
    numbers.map((n) =>
      dovecot.deliver(mail({ "Message-ID": `<m${n}@x>`, Subject: "" }, `mail ${n}`), [user]),
    ),
  );
const texts = ({ sink }: Server) =>
  sink.events.map((event) => (event.kind === "message" ? event.text : event.kind));
const looking = async <T>(look: (client: ImapFlow) => Promise<T>): Promise<T> => {
  const client = new ImapFlow({
    ...{ host: "127.0.0.1", port: dovecot.imapPort, secure: false, logger: false },
    auth: { user, pass: PASSWORD },
  });
  await client.connect();
  try {
    await client.mailboxOpen("INBOX");
    return await look(client);
  } finally {
    client.close();
  }
};
const flagsOf = (uid: number) =>
  looking(async (client) => {
    const found = await client.fetchOne(String(uid), { flags: true }, { uid: true });
    return found === false ? [] : [...(found.flags ?? [])];
  });
const both = (...servers: readonly Server[]) => servers.flatMap(texts).toSorted();

withDovecot(
  "of two that start together each mail is taken in by one, and by the same",
  async () => {
    user = `agent${users++}`;
    const [one, two] = [server(), server()];
    await Promise.all([one.start(), two.start()]);

    await arrives(1, 2, 3, 4, 5, 6);
    const lastOf = ({ sink }: Server) => (sink.stored as { lastUid: number }).lastUid;
    await expect.poll(() => [lastOf(one), lastOf(two)], FAST).toEqual([6, 6]);
    await arrives(7, 8);
    await expect.poll(() => [lastOf(one), lastOf(two)], FAST).toEqual([8, 8]);

    expect(both(one, two)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((n) => `mail ${n}`));
    const [taking, idle] = texts(one).length > 0 ? [one, two] : [two, one];
    expect(texts(idle)).toEqual([]);
    const id = (await taking.environment.kept.get("watcher")) ?? "none";
    expect(idle.sink.statuses.at(-1)).toContain(`Another server (${id}) takes the mails`);
    expect(taking.sink.statuses.at(-1)).toBe("connected");
    // Nothing else of a mail is changed.
    expect((await flagsOf(8)).toSorted()).toEqual([`$TroupeBy_${id}`, "$TroupeTaken"].toSorted());
  },
);

withDovecot(
  "when it dies the other takes over, and it stands back when it comes again",
  async () => {
    user = `agent${users++}`;
    const [one, two] = [server(), server()];
    const stop = await one.start();
    two.sink.stored = one.sink.stored;
    await arrives(1);
    await expect.poll(() => texts(one), FAST).toEqual(["mail 1"]);
    const seen: string[] = [];
    tap.onAsked = (text) => {
      seen.push(text);
      return "pass";
    };
    await two.start(tap.port);
    await expect.poll(() => two.sink.statuses.at(-1), FAST).toContain("Another server");
    await stop();

    await arrives(2);
    await expect.poll(() => seen.join(), FAST).toMatch(/UID FETCH 2 [\s\S]* UID FETCH 2 /);
    expect(texts(two)).toEqual([]);
    two.later(emailLimits.standBackMs);
    await expect.poll(() => texts(two), FAST).toEqual(["mail 2"]);
    expect(two.sink.statuses.at(-1)).toBe("connected");
    await one.start();
    await expect.poll(() => one.sink.statuses.at(-1), FAST).toContain("Another server");
    await arrives(3);
    await expect.poll(() => both(one, two), FAST).toEqual(["mail 1", "mail 2", "mail 3"]);
    expect(texts(one)).toEqual(["mail 1"]);
  },
);

/** It dies while it takes the first mail in. */
async function dies(one: Server, when: "claiming" | "claimed" | "stored"): Promise<void> {
  const { commit } = one.sink;
  const stop = await one.start(tap.port);
  const word = { claiming: "$TroupeBy_", stored: "$TroupeTaken", claimed: "none" }[when];
  tap.onAsked = (text) => (text.includes(word) ? "cut" : "pass");
  one.sink.commit = async (events, ...rest) => {
    if (when === "claimed" && events.length > 0) throw new Error("It dies.");
    await commit(events, ...rest);
  };
  await arrives(1);
  await expect.poll(() => one.sink.statuses.join(), FAST).toContain("disconnected");
  await stop();
  one.sink.commit = commit;
  tap.onAsked = () => "pass";
}

withDovecot.each([
  ["claims a mail", "claiming"],
  ["has claimed a mail", "claimed"],
  ["has stored a mail", "stored"],
] as const)(
  "one that dies when it %s takes it in when it comes again, and nobody else does",
  async (_, when) => {
    user = `agent${users++}`;
    const [one, two] = [server(), server()];
    await dies(one, when);
    expect(await flagsOf(1)).toEqual(
      when === "claiming" ? [] : [expect.stringContaining("$TroupeBy_")],
    );

    // The other saw the mailbox as it was before.
    two.sink.stored = { ...one.sink.stored, lastUid: 0, claiming: "none", holder: "one" };
    await two.start();
    await one.start();

    await expect.poll(() => flagsOf(1), FAST).toContain("$TroupeTaken");
    await expect.poll(() => two.sink.stored, FAST).toMatchObject({ lastUid: 1 });
    expect([texts(one), texts(two)]).toEqual([["mail 1"], []]);
  },
);

withDovecot("one that stays away with a claimed mail is overtaken, and sees that", async () => {
  user = `agent${users++}`;
  const [one, two] = [server(), server()];
  await dies(one, "claimed");
  two.sink.stored = { ...one.sink.stored, lastUid: 0, claiming: "none" };
  const seen: string[] = [];
  tap.onAsked = (text) => {
    seen.push(text);
    return "pass";
  };
  await two.start(tap.port);
  two.later(emailLimits.standBackMs);
  await expect.poll(() => seen.join(), FAST).toMatch(/UID FETCH 1 [\s\S]* UID FETCH 1 /);
  expect(texts(two)).toEqual([]);

  two.later(emailLimits.overtakeMs);
  await expect.poll(() => texts(two), FAST).toEqual(["mail 1"]);
  await one.start();
  await expect.poll(() => one.sink.stored, FAST).toMatchObject({ lastUid: 1 });
  expect(both(one, two)).toEqual(["mail 1"]);
});

withDovecot("a mailbox that is numbered anew gives neither of them a mail again", async () => {
  user = `agent${users++}`;
  const [one, two] = [server(), server()];
  const stops = [await one.start()];
  two.sink.stored = one.sink.stored;
  await arrives(1);
  await expect.poll(() => texts(one), FAST).toEqual(["mail 1"]);
  stops.push(await two.start());
  await expect.poll(() => two.sink.stored, FAST).toMatchObject({ lastUid: 1 });
  for (const stop of stops) await stop();
  dovecot.renumber(user);
  await arrives(2);

  await two.start();
  await one.start();

  await expect.poll(() => both(one, two), FAST).toEqual(["mail 1", "mail 2"]);
  await expect
    .poll(() => [one.sink.stored?.["lastUid"], two.sink.stored?.["lastUid"]], FAST)
    .toEqual([2, 2]);
  expect([both(one, two), one.sink.repeats, two.sink.repeats]).toEqual([
    ["mail 1", "mail 2"],
    0,
    0,
  ]);
});

withDovecot("a copy of a server's data and the server itself take no mail twice", async () => {
  user = `agent${users++}`;
  const one = server();
  await (await one.start())();
  const two = one.copy();
  two.sink.stored = one.sink.stored;
  await Promise.all([one.start(), two.start()]);

  await arrives(1, 2, 3, 4);
  await arrives(5, 6, 7, 8);

  const lastOf = ({ sink }: Server) => sink.stored?.["lastUid"];
  await expect.poll(() => [lastOf(one), lastOf(two)], FAST).toEqual([8, 8]);
  expect(both(one, two)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((n) => `mail ${n}`));
  expect(`${one.sink.statuses} ${two.sink.statuses}`).toContain("A copy of this server's data");
});

withDovecot("what people do with a mail meanwhile stays, and costs nothing", async () => {
  user = `agent${users++}`;
  const one = server();
  let times = 0;
  tap.onAsked = async (text): Promise<Passing> => {
    if (text.includes("UNCHANGEDSINCE") && times++ < 2) {
      await looking((client) =>
        client.messageFlagsAdd("1", [times === 1 ? "\\Flagged" : "Work"], { uid: true }),
      );
    }
    return "pass";
  };
  await one.start(tap.port);
  await arrives(1);

  await expect.poll(() => flagsOf(1), FAST).toContain("$TroupeTaken");
  expect(await flagsOf(1)).toEqual(expect.arrayContaining(["\\Flagged", "Work"]));
  expect(texts(one)).toEqual(["mail 1"]);
  expect(times).toBe(3);
});
