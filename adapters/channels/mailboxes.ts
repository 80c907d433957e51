// The mailboxes of all accounts over the tables of a system (mailbox.ts says what a mailbox is): made once
// on main, which gives each account its own.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Tables } from "../../runtime/system.ts";
import { type Mailbox, mailboxLimits } from "./mailbox.ts";
import { type BoxPlace, boxId, type FreshEntry, MailboxRows } from "./mailbox-rows.ts";
import { Waiters } from "./mailbox-waiters.ts";

/** The mailboxes of all accounts of a server. */
export interface Mailboxes {
  of(account: { readonly tenant: string; readonly channel: string }): Mailbox;
}

/** Mailboxes over a system's tables: one for a process. */
export function createMailboxes(options: {
  readonly tables: Tables;
  readonly nowMs: () => number;
}): Mailboxes {
  const rows = new MailboxRows(options);
  const waiters = new Waiters();
  return {
    of: ({ tenant, channel }) => {
      const placeOf = (conversation: string): BoxPlace => {
        checkName("conversation", conversation);
        return { tenant, box: boxId(channel, conversation) };
      };
      const add = async (conversation: string, entry: FreshEntry) => {
        checkName("key", entry.key);
        const place = placeOf(conversation);
        const seq = await rows.add(place, entry);
        waiters.wake(placeKey(place));
        return seq;
      };
      return {
        append: (conversation, key, body) => add(conversation, { key, body, replaces: false }),
        replace: (conversation, key, body) => add(conversation, { key, body, replaces: true }),
        read: (conversation, after, limit) => rows.read(placeOf(conversation), after, limit),
        wait: async (conversation, after, signal) => {
          const place = placeOf(conversation);
          // Waited for before it is looked: what comes in between wakes it.
          const waiting = waiters.wait(placeKey(place), signal);
          try {
            if ((await rows.last(place)) > after) return;
            await waiting.woken;
          } finally {
            waiting.leave();
          }
        },
        wake: (conversation) => waiters.wake(placeKey(placeOf(conversation))),
      };
    },
  };
}

const placeKey = ({ tenant, box }: BoxPlace): string => `${tenant}/${box}`;

function checkName(what: string, name: string): void {
  const { nameChars } = mailboxLimits;
  if (name.length >= 1 && name.length <= nameChars) return;
  throw new RuntimeError(
    "INVALID",
    `A ${what} of a mailbox has 1 to ${nameChars} characters, this one has ${name.length}.`,
  );
}
