// `/link` and `/unlink`: a person joins what they are on several channels. `/link` in a direct conversation gives a
// code; said on another channel it makes both senders one person. The code is good once and for minutes, stored as
// a hash, and few wrong ones are taken. A code that is said before others is worth nothing from then on.

import { createHash, createHmac, randomBytes } from "node:crypto";
import type { ChannelInput } from "../../actors/channels/channel.ts";
import type { Inbound } from "../../actors/channels/inbound.ts";
import { newId } from "../../runtime/id.ts";
import type { Tables, TableWrite } from "../../runtime/system.ts";
import type { Serial } from "../serial.ts";
import type { Kept } from "./adapter.ts";
import { linkWords } from "./link-words.ts";
import { type Link, linkId, linkWrites } from "./people.ts";
import { channelTables } from "./tables.ts";

/** Limits, by name and unit. */
export const linkLimits = {
  /** Characters of a code, 5 bits each. */
  codeChars: 10,
  codeMs: 10 * 60_000,
  /** Wrong codes of a sender, and of a channel, in a window of so many ms; one more is not looked at. */
  senderTries: 5,
  channelTries: 100,
  triesMs: 15 * 60_000,
  /** Codes and counts of a tenant that are kept; beyond it nobody is given a code. */
  rows: 2_000,
} as const;

/** A person's own word: what an operator has linked it takes nothing from. */
const BY_SENDER = "sender";
/** Kinds whose senders are as easily named by others; there it is off unless the channel says so. */
const spoofed: ReadonlySet<string> = new Set(["sms"]);
/** Crockford's: nothing in it is taken for something else. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const COMMAND = /^\s*\/(link|unlink)(?:@\S{1,64})?(?:\s+([\s\S]{0,100}))?\s*$/i;
const KEY = "link_key";
const PAGE = 200;

/** Of one account. */
export interface Linking {
  /** What is answered to an event that is such a command; null: it is none. */
  answer(event: Inbound): Promise<string | null>;
}

/** What it works with. */
export interface LinkingParts {
  readonly tables: Pick<Tables, "get" | "list" | "write" | "counter">;
  readonly serial: Serial;
  readonly kept: Kept;
  nowMs(): number;
  /** Links of an account have changed. */
  forgetPeople(channel: string): void;
}

/** Row of a sender, `<ch>.<hash>`, and of a channel's wrong codes, `<ch>.all`. Times in ms since the epoch. */
interface Row {
  readonly code?: {
    readonly hash: string;
    readonly endsAtMs: number;
    /** The event that asked for it, and the one that it was used by: each may come again. */
    readonly event: string;
    readonly used?: string;
  };
  readonly sender?: string;
  readonly wrong?: { readonly sinceMs: number; readonly count: number };
}

interface Place {
  readonly tenant: string;
  readonly channel: string;
  readonly sender: string;
  readonly event: string;
}

const table = channelTables.linkCodes;

/** Makes it. */
export function linkingOf(
  parts: LinkingParts,
  of: { readonly tenant: string; readonly id: string; readonly kind: string },
  record: ChannelInput,
): Linking {
  const { tenant, id: channel, kind } = of;
  const isOn = record.linking ?? !spoofed.has(kind);
  const words = linkWords(record.language);
  return {
    answer: async (event) => {
      const command = isOn ? commandIn(event) : null;
      if (command === null) return null;
      const sender = event.place.user ?? event.sender.id;
      const place = { tenant, channel, sender, event: hashOf(event.dedupe[0] ?? "") };
      const code = codeIn(command.text);
      // One at a time in a tenant: a code is used once.
      return await parts.serial.run(`${tenant}/links`, async () => {
        if (!event.place.isDirect) {
          if (code !== null) await spoil(parts, tenant, code);
          return words.onlyDirect;
        }
        if (!event.sender.isVerified || event.sender.isBot) return words.notVerified;
        if (command.name === "unlink") return await unlink(parts, place, words);
        if (command.text === "") return await give(parts, place, words);
        return await use(parts, place, code, words);
      });
    },
  };
}

type Words = ReturnType<typeof linkWords>;

function commandIn(event: Inbound): { readonly name: string; readonly text: string } | null {
  const text =
    event.kind === "command"
      ? `/${event.name} ${event.text}`
      : event.kind === "message"
        ? event.text
        : "";
  const [, name, rest = ""] = COMMAND.exec(text) ?? [];
  return name === undefined ? null : { name: name.toLowerCase(), text: rest.trim() };
}

/** The same for an event that comes again: nobody has the one that was shown replaced. */
async function give(parts: LinkingParts, place: Place, words: Words): Promise<string> {
  const { tenant, channel, sender, event } = place;
  const nowMs = parts.nowMs();
  const live = await sweep(parts, tenant);
  if (live >= linkLimits.rows) return words.tooMany;
  const key = await parts.kept.update(
    KEY,
    async (before) => before ?? randomBytes(32).toString("hex"),
  );
  const digest = createHmac("sha256", key).update(`${channel}\n${sender}\n${event}`).digest();
  const code = Array.from(digest.subarray(0, linkLimits.codeChars), (byte) => ALPHABET[byte & 31]);
  const row = await rowOf(parts, place);
  if (row.code?.event !== event) {
    const fresh = { hash: hashOf(code.join("")), endsAtMs: nowMs + linkLimits.codeMs, event };
    await parts.tables.write(tenant, [put(place, { ...row, sender, code: fresh })]);
  }
  const half = linkLimits.codeChars / 2;
  const shown = `${code.slice(0, half).join("")}-${code.slice(half).join("")}`;
  return words.code(shown, linkLimits.codeMs / 60_000);
}

async function use(
  parts: LinkingParts,
  place: Place,
  code: string | null,
  words: Words,
): Promise<string> {
  const { tenant, channel, event } = place;
  if (await isLocked(parts, place)) return words.tooOften;
  const found = code === null ? null : await find(parts, tenant, code);
  const { row } = found ?? {};
  const isAgain = row?.code?.used === event;
  if (
    found === null ||
    row?.code === undefined ||
    row.sender === undefined ||
    (row.code.used !== undefined && !isAgain)
  ) {
    await countWrong(parts, place);
    return words.wrong;
  }
  const [other = ""] = found.id.split(".");
  if (other === channel) {
    if (found.id !== linkId(channel, place.sender)) await countWrong(parts, place);
    return words.ownChannel;
  }
  if (isAgain) return words.linked;
  const theirs = { tenant, channel: other, sender: row.sender };
  const [one, two] = [await linkOf(parts, theirs), await linkOf(parts, place)];
  if (one !== null && two !== null && one.person !== two.person) return words.twoPeople;
  const person = one?.person ?? two?.person ?? newId("pn", parts.nowMs());
  const used: Row = { ...row, code: { ...row.code, used: event } };
  const writes: TableWrite[] = [{ type: "put", table, id: found.id, value: used }];
  for (const [before, at] of [
    [one, theirs],
    [two, place],
  ] as const) {
    if (before !== null) continue;
    writes.push(
      ...(await linkWrites(parts.tables, at, { sender: at.sender, person, by: BY_SENDER })),
    );
  }
  // The code is used in the commit that links.
  await parts.tables.write(tenant, writes);
  for (const one of [channel, other]) parts.forgetPeople(one);
  return words.linked;
}

async function unlink(parts: LinkingParts, place: Place, words: Words): Promise<string> {
  const { tenant, channel, sender } = place;
  const link = await linkOf(parts, place);
  if (link === null) return words.notLinked;
  if (link.by !== BY_SENDER) return words.byOperator;
  await parts.tables.write(tenant, await linkWrites(parts.tables, place, { sender, person: null }));
  parts.forgetPeople(channel);
  return words.unlinked;
}

/** Who has heard a code may use it: it is over. */
async function spoil(parts: LinkingParts, tenant: string, code: string): Promise<void> {
  const found = await find(parts, tenant, code);
  if (found === null) return;
  const { code: _, ...rest } = found.row;
  await parts.tables.write(tenant, [{ type: "put", table, id: found.id, value: rest }]);
}

async function find(
  parts: LinkingParts,
  tenant: string,
  code: string,
): Promise<{ readonly id: string; readonly row: Row } | null> {
  const hash = hashOf(code);
  const nowMs = parts.nowMs();
  for await (const { id, row } of rowsOf(parts, tenant)) {
    if (row.code?.hash === hash && row.code.endsAtMs > nowMs) return { id, row };
  }
  return null;
}

/** Removes what is over. @returns how many are left. */
async function sweep(parts: LinkingParts, tenant: string): Promise<number> {
  const nowMs = parts.nowMs();
  const over: TableWrite[] = [];
  let left = 0;
  for await (const { id, row } of rowsOf(parts, tenant)) {
    const counts = row.wrong !== undefined && row.wrong.sinceMs + linkLimits.triesMs > nowMs;
    if (counts || (row.code !== undefined && row.code.endsAtMs > nowMs)) left += 1;
    else over.push({ type: "remove", table, id });
  }
  if (over.length > 0) await parts.tables.write(tenant, over);
  return left;
}

async function* rowsOf(
  { tables }: LinkingParts,
  tenant: string,
): AsyncGenerator<{ readonly id: string; readonly row: Row }> {
  const most = linkLimits.rows + PAGE;
  for (let [after, read] = [undefined as string | undefined, 0]; read < most; read += PAGE) {
    const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await tables.list(tenant, table, page);
    for (const { id, value } of rows) yield { id, row: value as Row };
    after = rows.at(-1)?.id;
    if (rows.length < PAGE) return;
  }
}

async function isLocked(parts: LinkingParts, place: Place): Promise<boolean> {
  const since = parts.nowMs() - linkLimits.triesMs;
  const isOver = ({ wrong }: Row, most: number): boolean =>
    wrong !== undefined && wrong.sinceMs > since && wrong.count >= most;
  return (
    isOver(await rowOf(parts, place), linkLimits.senderTries) ||
    isOver(await rowOf(parts, place, allOf(place)), linkLimits.channelTries)
  );
}

async function countWrong(parts: LinkingParts, place: Place): Promise<void> {
  const nowMs = parts.nowMs();
  const counted = (row: Row): Row => {
    const { sinceMs = 0, count = 0 } = row.wrong ?? {};
    const isNew = nowMs - sinceMs >= linkLimits.triesMs;
    return { ...row, wrong: isNew ? { sinceMs: nowMs, count: 1 } : { sinceMs, count: count + 1 } };
  };
  const [own, all] = [await rowOf(parts, place), await rowOf(parts, place, allOf(place))];
  await parts.tables.write(place.tenant, [
    put(place, counted(own)),
    { type: "put", table, id: allOf(place), value: counted(all) },
  ]);
}

async function linkOf(
  { tables }: LinkingParts,
  { tenant, channel, sender }: Omit<Place, "event">,
): Promise<Link | null> {
  const row = await tables.get(tenant, channelTables.people, linkId(channel, sender));
  return (row?.value as Link | undefined) ?? null;
}

async function rowOf({ tables }: LinkingParts, place: Place, id = ownOf(place)): Promise<Row> {
  return ((await tables.get(place.tenant, table, id))?.value as Row | undefined) ?? {};
}

const ownOf = ({ channel, sender }: Place): string => linkId(channel, sender);
const allOf = ({ channel }: Place): string => `${channel}.all`;

function put(place: Place, value: Row): TableWrite {
  return { type: "put", table, id: ownOf(place), value };
}

/** As people type it; null: no code at all. */
function codeIn(text: string): string | null {
  const code = text
    .toUpperCase()
    .replaceAll(/[\s-]/g, "")
    .replaceAll("O", "0")
    .replaceAll(/[IL]/g, "1");
  return new RegExp(`^[${ALPHABET}]{${linkLimits.codeChars}}$`).test(code) ? code : null;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
