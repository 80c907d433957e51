// Answers that the caller fetches: the status URL that a message is answered with, what is read there, and
// the wait of a synchronous request. The URL is the right to read one conversation, for a day; each page
// names the next with a new one.

import { RuntimeError } from "../../../runtime/errors.ts";
import type { ChannelEnvironment, ChannelRequest, ChannelResponse, Handled } from "../adapter.ts";
import { jsonAnswer, problem, problemOf } from "../answer.ts";
import type { Mailbox, MailboxEntry } from "../mailbox.ts";
import { fileOfEntry } from "../mailbox-file.ts";
import { makeToken, readToken } from "../signed-token.ts";
import { boxOf, type WebhookAddress } from "./address.ts";
import { webhookLimits } from "./limits.ts";
import { shownPart, type WebhookPart } from "./render.ts";

/** Body of an entry: a part of an answer, or the note that a message came in. */
export type WebhookEntry =
  | { readonly type: "part"; readonly part: WebhookPart }
  | { readonly type: "heard"; readonly message: string };

/** What the reader goes by. */
export interface PollOptions {
  readonly environment: ChannelEnvironment;
  readonly mailbox: Mailbox;
  readonly keys: readonly Uint8Array[];
}

/** Paths below the account. */
export const pollPaths = { messages: "/messages", file: "/file" } as const;
const PURPOSE = "webhook status";
/** Before the key of a part that was sent. */
export const OUT = "out:";

/** Notes in the mailbox that a message came: answers to it stand behind. The same for one that comes again. */
export async function noteHeard(mailbox: Mailbox, address: WebhookAddress): Promise<number> {
  const entry: WebhookEntry = { type: "heard", message: address.message };
  return await mailbox.append(boxOf(address), `in:${address.message}`, { ...entry });
}

/** 202: where the answers will be. */
export function accepted(
  of: PollOptions,
  { address, after, base }: { address: WebhookAddress; after: number; base: string },
): ChannelResponse {
  const status = statusOf(of, { address, after, base });
  const location = status.status_url === null ? {} : { Location: status.status_url };
  return jsonAnswer(202, { id: address.message, status: "accepted", after, ...status }, location);
}

/** 200 with the answer when it is there in time, else the 202. */
export async function answeredWithin(
  of: PollOptions,
  { address, after, base }: { address: WebhookAddress; after: number; base: string },
  signal: AbortSignal,
): Promise<ChannelResponse> {
  try {
    for (;;) {
      const page = await of.mailbox.read(boxOf(address), after, webhookLimits.pollMessages);
      const parts = answersTo(page.entries, address.message);
      const isWhole = parts.some(({ part }) => part.part === part.parts);
      if (isWhole) {
        const last = page.entries.at(-1)?.seq ?? after;
        const next = statusOf(of, { address, after: last, base });
        return jsonAnswer(200, {
          id: address.message,
          status: "answered",
          messages: parts.map(shown),
          ...next,
        });
      }
      if (signal.aborted) return accepted(of, { address, after, base });
      await of.mailbox.wait(boxOf(address), page.last, signal);
    }
  } catch (error) {
    // As many wait as may: its answer is fetched like that of one that took too long.
    if (error instanceof RuntimeError) return accepted(of, { address, after, base });
    throw error;
  }
}

/** GET /messages: what there is after a number, waited for when asked to. */
export function handleMessages(of: PollOptions, request: ChannelRequest): Handled {
  const asked = askedOf(of, request);
  if ("refused" in asked) return asked;
  const { address, after } = asked;
  const wait = numberOf(request.query.get("wait") ?? "0");
  if (wait === null || wait > webhookLimits.pollWaitS) {
    return refuse(400, `wait is a number of seconds, at most ${webhookLimits.pollWaitS}.`);
  }
  const base = request.publicUrl.slice(0, -pollPaths.messages.length);
  const later = async (signal: AbortSignal): Promise<ChannelResponse> => {
    try {
      const all = AbortSignal.any([signal, AbortSignal.timeout(wait * 1_000)]);
      return await messagesAfter(of, { address, after, base }, wait === 0 ? null : all);
    } catch (error) {
      return problemOf(error);
    }
  };
  return { events: [], ack: problem(503, "The server keeps no messages now."), later };
}

/** GET /file: one file of an answer, as base64. */
export function handleFile(of: PollOptions, request: ChannelRequest): Handled {
  const asked = askedOf(of, request);
  if ("refused" in asked) return asked;
  const index = numberOf(request.query.get("index") ?? "0");
  if (index === null) return refuse(400, "index is the number of the file in its message.");
  const later = async (): Promise<ChannelResponse> => {
    try {
      const place = { conversation: boxOf(asked.address), seq: asked.after };
      const files = (entry: MailboxEntry) => partOf(entry)?.files ?? [];
      return jsonAnswer(200, await fileOfEntry(of, place, { files, index }));
    } catch (error) {
      return problemOf(error);
    }
  };
  return { events: [], ack: problem(503, "The server keeps no files now."), later };
}

async function messagesAfter(
  of: PollOptions,
  { address, after, base }: { address: WebhookAddress; after: number; base: string },
  patience: AbortSignal | null,
): Promise<ChannelResponse> {
  const box = boxOf(address);
  let from = after;
  for (;;) {
    const page = await of.mailbox.read(box, from, webhookLimits.pollMessages);
    if (after > page.last) {
      return problem(
        400,
        `after is ${after}; the last number of this conversation is ${page.last}.`,
      );
    }
    from = page.entries.at(-1)?.seq ?? from;
    const messages = page.entries.flatMap((entry) => {
      const part = partOf(entry);
      return part === null ? [] : [shown({ entry, part })];
    });
    if (messages.length > 0 || patience === null || patience.aborted) {
      const next = statusOf(of, { address, after: from, base });
      return jsonAnswer(200, { messages, after: from, is_cut: page.isCut, ...next });
    }
    await of.mailbox.wait(box, from, patience);
  }
}

/** The parts that answer a message: those that say so, and those that do not say what they answer. */
function answersTo(
  entries: readonly MailboxEntry[],
  message: string,
): readonly { readonly entry: MailboxEntry; readonly part: WebhookPart }[] {
  return entries.flatMap((entry) => {
    const part = partOf(entry);
    return part !== null && (part.answers === null || part.answers === message)
      ? [{ entry, part }]
      : [];
  });
}

function partOf({ body }: MailboxEntry): WebhookPart | null {
  const entry = body as unknown as WebhookEntry;
  return entry.type === "part" ? entry.part : null;
}

function shown({ entry, part }: { entry: MailboxEntry; part: WebhookPart }): object {
  return {
    seq: entry.seq,
    at: new Date(entry.atMs).toISOString(),
    ...shownPart(entry.key.slice(OUT.length), part),
  };
}

function statusOf(
  { keys, environment }: PollOptions,
  { address, after, base }: { address: WebhookAddress; after: number; base: string },
): { readonly status_path: string; readonly status_url: string | null } {
  const { conversation, thread } = address;
  const untilS = Math.floor(environment.nowMs() / 1_000) + webhookLimits.statusUrlS;
  const token = makeToken(PURPOSE, { box: boxOf(address), untilS }, keys);
  const query = new URLSearchParams({
    conversation,
    ...(thread === null ? {} : { thread }),
    after: String(after),
    token,
  });
  const path = `${pollPaths.messages}?${query}`;
  return { status_path: path, status_url: base === "" ? null : `${base}${path}` };
}

/** What is asked for, if the token gives the right to it. */
function askedOf(
  { keys, environment }: PollOptions,
  { query }: ChannelRequest,
):
  | { readonly address: WebhookAddress; readonly after: number }
  | { readonly refused: ChannelResponse } {
  const facts = readToken(PURPOSE, query.get("token") ?? "", keys);
  const address = {
    conversation: query.get("conversation") ?? "",
    thread: query.get("thread"),
    callbackUrl: null,
    message: "",
  };
  if (facts === null || facts["box"] !== boxOf(address)) {
    return refuse(401, "The token is not one for this conversation.");
  }
  if (Number(facts["untilS"]) * 1_000 < environment.nowMs()) {
    return refuse(401, "The token is over: each answer names a new one.");
  }
  const after = numberOf(query.get("after") ?? "0");
  if (after === null) return refuse(400, "after is the number of a message, 0 or more.");
  return { address, after };
}

function numberOf(text: string): number | null {
  return /^[0-9]{1,13}$/.test(text) ? Number(text) : null;
}

function refuse(status: number, detail: string): { readonly refused: ChannelResponse } {
  return { refused: problem(status, detail) };
}
