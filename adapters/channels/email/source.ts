// Watches a mailbox: IDLE says that there is news, a look every few minutes finds what IDLE has missed,
// and either way everything behind the cursor is fetched: events of a connection are never counted. A connection
// that breaks, or that answers nothing any more, is made anew.

import type { ImapFlow } from "imapflow";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type Cursor, cursorOf } from "./cursor.ts";
import { isRefused, openImap, said, within } from "./imap.ts";
import { Intake, type Watched } from "./intake.ts";
import { emailLimits } from "./limits.ts";

/** Until `signal`. @throws RuntimeError UNAUTHENTICATED when the login is refused again and again. */
export async function watchMailbox(watched: Watched, signal: AbortSignal): Promise<void> {
  const { options, sink, environment } = watched;
  let failures = 0;
  let refused = 0;
  while (!signal.aborted) {
    const isUp = () => {
      failures = 0;
      refused = 0;
    };
    const lost: unknown = await watchOnce(watched, signal, isUp).catch((error: unknown) => error);
    if (signal.aborted) break;
    const reason = said(lost, options);
    const { account } = environment;
    sink.status("disconnected", reason);
    environment.log.write("warn", "A connection to a mailbox ended and is made anew.", {
      ...{ account, reason },
    });
    refused = isRefused(lost) ? refused + 1 : 0;
    if (refused >= emailLimits.loginsRefused) {
      const text = `The mail server refuses the login of ${options.imap.user}: ${reason}`;
      throw new RuntimeError("UNAUTHENTICATED", text);
    }
    await pause(backoff(failures), signal);
    failures += 1;
  }
  sink.status("disconnected");
}

function backoff(failures: number): number {
  const ms = emailLimits.reconnectMinMs * 2 ** Math.min(failures, 10);
  return Math.min(ms, emailLimits.reconnectMaxMs) * (0.75 + Math.random() / 4);
}

/** One connection, until it ends. */
async function watchOnce(watched: Watched, signal: AbortSignal, up: () => void): Promise<void> {
  const { options, environment } = watched;
  const client = await openImap(options, environment, signal);
  const stop = () => client.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const news = newsOf(client, signal);
    const open = client.mailboxOpen(options.mailbox, { readOnly: !options.claimMails });
    const { uidValidity } = await within(client, open, options.timeoutMs);
    const intake = new Intake(watched, client);
    let waitMs = await catchUp(watched, intake, String(uidValidity));
    up();
    intake.tell();
    while (!signal.aborted && client.usable) {
      if (!(await news.wait(Math.min(waitMs, options.pollMs))))
        await within(client, client.noop(), options.timeoutMs);
      if (signal.aborted || !client.usable) break;
      const now = client.mailbox === false ? uidValidity : client.mailbox.uidValidity;
      waitMs = await catchUp(watched, intake, String(now));
    }
    if (!signal.aborted) throw new Error(client.byeReason ?? "the server closed the connection");
  } finally {
    signal.removeEventListener("abort", stop);
    client.close();
  }
}

/** Whether something has happened since it was asked last; it may happen while nobody waits. */
function newsOf(client: ImapFlow, signal: AbortSignal): { wait(ms: number): Promise<boolean> } {
  let isNew = false;
  let wake: (() => void) | undefined;
  const tell = () => {
    isNew = true;
    wake?.();
  };
  for (const event of ["exists", "close", "mailboxOpen"]) client.on(event, tell);
  signal.addEventListener("abort", tell, { once: true });
  client.once("close", () => signal.removeEventListener("abort", tell));
  return {
    wait: async (ms) => {
      if (!isNew && client.usable && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      const was = isNew;
      isNew = false;
      return was;
    },
  };
}

/**
 * Fetches what lies behind the cursor and hands it over, a mail at a time: what was taken in is never fetched again.
 * @returns when it is to be looked again at the latest, ms: for a mail that is another server's for now.
 */
async function catchUp(watched: Watched, intake: Intake, uidValidity: string): Promise<number> {
  const { options, sink, environment } = watched;
  const { client } = intake;
  let cursor = cursorOf(await sink.cursor(), options.mailbox);
  if (cursor === null) {
    // What lay there before the account was opened is nobody's question.
    const uidNext = client.mailbox === false ? 1 : client.mailbox.uidNext;
    const { mailbox } = options;
    cursor = {
      mailbox,
      uidValidity,
      lastUid: uidNext - 1,
      sinceMs: wholeSecond(environment.nowMs()),
    };
    await sink.commit([], { ...cursor });
  }
  await intake.begin(cursor);
  if (cursor.uidValidity !== uidValidity) {
    return await relist(watched, intake, cursor, uidValidity);
  }
  for (;;) {
    const uids = await behind(watched, client, cursor.lastUid);
    if (uids.length === 0) return options.pollMs;
    for (const uid of uids.slice(0, emailLimits.listed)) {
      cursor = { ...cursor, lastUid: uid };
      const waitMs = await intake.take(cursor);
      if (waitMs > 0) return waitMs;
    }
  }
}

/** UIDs behind the last one, in order. `n:*` names the last mail even where its UID is smaller. */
async function behind(watched: Watched, client: ImapFlow, lastUid: number): Promise<number[]> {
  const asked = client.search({ uid: `${lastUid + 1}:*` }, { uid: true });
  const found = await within(client, asked, watched.options.timeoutMs);
  return sorted(found).filter((uid) => uid > lastUid);
}

/**
 * The folder was numbered anew: no UID means what it meant. Its younger mails are handed over again and those
 * that were taken in before are known by their Message-IDs; never one from before the account was opened.
 */
async function relist(
  watched: Watched,
  intake: Intake,
  before: Cursor,
  uidValidity: string,
): Promise<number> {
  const { options, environment } = watched;
  const { client } = intake;
  const now = { ...before, uidValidity };
  const since = new Date(Math.max(before.sinceMs, environment.nowMs() - emailLimits.relistMs));
  // A server that moves mails may give them the day of the move; what their senders wrote counts besides.
  const asked = client.search({ since }, { uid: true });
  const all = sorted(await within(client, asked, options.timeoutMs));
  const last = client.mailbox === false ? 0 : client.mailbox.uidNext - 1;
  environment.log.write("warn", "A mailbox was numbered anew; its younger mails are read again.", {
    account: environment.account,
    mails: all.length,
  });
  for (const uid of all.slice(-emailLimits.relisted)) {
    // The old numbers stand until the end: a break begins the list again.
    const waitMs = await intake.take({ ...now, lastUid: uid }, { stored: before, since });
    if (waitMs > 0) return waitMs;
  }
  await watched.sink.commit([], { ...now, lastUid: Math.max(last, all.at(-1) ?? 0) });
  return options.pollMs;
}

/** Servers keep the time of a mail in seconds. */
const wholeSecond = (ms: number) => Math.floor(ms / 1_000) * 1_000;

function sorted(found: number[] | false | undefined): number[] {
  return (found === false || found === undefined ? [] : found).sort((a, b) => a - b);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
