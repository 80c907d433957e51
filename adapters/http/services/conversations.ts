// Conversations as the door reads them: their entries in the tenant's list, and their messages by
// snapshot. What changes one is a message to its actor.

import {
  type ConversationState,
  conversationOf,
  rowOf,
} from "../../../actors/conversation-state.ts";
import {
  type ConversationDescription,
  type ConversationRow,
  conversationsTable,
  type MessageRecord,
} from "../../../actors/records/conversation.ts";
import type { StoredPicture } from "../../../actors/records/picture.ts";
import { type AllowedResources, reaches } from "../../../actors/records/resource-scope.ts";
import { targetNamed } from "../../../actors/targets.ts";
import { type Address, address } from "../../../runtime/address.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { System } from "../../../runtime/system.ts";
import type { Caller } from "./agent-store.ts";
import { type HiddenPlaces, type Page, type PageRequest, pageOf, pageOfSeen } from "./paging.ts";

/** Messages read in one go, and the most that one response holds. */
const READ_PAGE = 200;
const HISTORY_MAX = 20_000;
const LAST_MESSAGES = 6;
/** Message records sort between these. */
const FIRST_MESSAGE = "m";
const AFTER_MESSAGES = "n";

/** Rows with their bytes. */
const PICTURES_AT_ONCE = 8;
/** Loaded with the first that is deleted. */
const pictures = () => import("../../../actors/records/picture.ts");

const PICTURE_ID = /^[0-9a-f]{64}$/;
const CONVERSATION_ID = /^cv_[A-Za-z0-9]{1,61}$/;
const AGENT_ID = /^ag_[A-Za-z0-9]{1,61}$/;

/** Reads, cancels and deletes conversations. */
export interface ConversationService {
  /**
   * Newest first; of one agent, or of all. With a user (null: those that name nobody) the others are
   * left out, so that a page may have fewer than its limit.
   */
  list(
    tenant: string,
    agent: string | null,
    page: PageRequest,
    who?: ConversationFilter,
  ): Promise<Page<ConversationRow>>;
  /** @throws NOT_FOUND, also for another tenant's. */
  describe(tenant: string, id: string): Promise<Described>;
  /** All messages in order; `isCut` when there are more than one response holds. */
  history(
    tenant: string,
    id: string,
  ): Promise<{ readonly messages: readonly MessageRecord[]; readonly isCut: boolean }>;
  messages(tenant: string, id: string, page: PageRequest): Promise<Page<MessageRecord>>;
  /** The last messages, newest first; by default 6. */
  last(tenant: string, id: string, limit?: number): Promise<readonly MessageRecord[]>;
  /** Cancels what runs and waits. @throws NOT_FOUND. */
  cancel(tenant: string, id: string, reason: string): Promise<void>;
  /** A picture of one of its messages. @throws NOT_FOUND. */
  picture(tenant: string, id: string, picture: string): Promise<StoredPicture>;
  /** @throws NOT_FOUND. */
  remove(tenant: string, id: string): Promise<void>;
  /** Whether this agent has this conversation: one row read. */
  belongs(tenant: string, agent: string, id: string): Promise<boolean>;
}

/** Whose conversations are listed. */
export interface ConversationFilter {
  /** Of this user; null: of those that name nobody; absent: of all. */
  readonly user?: string | null | undefined;
  /** What who asks reaches: those with anything else are left out. */
  readonly allowed?: AllowedResources | null | undefined;
}

/** A conversation that exists. */
export interface Described extends ConversationDescription {
  readonly row: ConversationRow;
}

/** Address of a conversation. @throws NOT_FOUND when the id is none. */
export function conversationAddress(tenant: string, id: string): Address {
  if (!CONVERSATION_ID.test(id)) throw unknown(id);
  return address({ kind: "conversation", tenant, root: id });
}

/** The service over a system. */
export function createConversationService(
  system: System,
  hidden: HiddenPlaces,
): ConversationService {
  const describe = async (tenant: string, id: string): Promise<Described> => {
    const answer = await system.ask(conversationAddress(tenant, id), { type: "describe" });
    const description = answer as ConversationDescription;
    if (description.row === null) throw unknown(id);
    return { ...description, row: description.row };
  };
  const read = async (tenant: string, id: string, after: string | undefined, limit: number) => {
    const from = after === undefined ? FIRST_MESSAGE : `${after}.`;
    const to = AFTER_MESSAGES;
    return await system.records(conversationAddress(tenant, id), { from, to, limit });
  };
  return {
    describe,
    list: async (tenant, agent, asked, { user, allowed } = {}) => {
      if (agent !== null && !AGENT_ID.test(agent)) return { items: [], next: null };
      const prefix = agent === null ? {} : { prefix: `${agent}.` };
      const read = (range: PageRequest) =>
        system.tables.list(tenant, conversationsTable, { ...range, ...prefix, reverse: true });
      const sees = ({ id }: { readonly id: string }): boolean =>
        reaches(allowed, id.slice(0, id.indexOf(".")));
      const page = await pageOfSeen(asked, { tenant, hidden, read, sees });
      const found = page.items.map(({ id }) => ({ id, conversation: conversationOf(id) }));
      const states = await system.states(
        found.map(({ conversation }) => conversationAddress(tenant, conversation)),
      );
      // Without those that were deleted since the list was read.
      const all = found.flatMap(({ id, conversation }, at) => {
        const state = states[at] as ConversationState | undefined;
        const row = state === undefined ? null : rowOf(state, conversation);
        return row === null ? [] : [{ id, row }];
      });
      if (user === undefined) return { items: all.map(({ row }) => row), next: page.next };
      const theirs = all.filter(({ row }) => row.user_key === user);
      // The last that was looked at may be another user's.
      const next = hidden.next(tenant, page.next, theirs.at(-1)?.id);
      return { items: theirs.map(({ row }) => row), next };
    },
    history: async (tenant, id) => {
      const messages: MessageRecord[] = [];
      let after: string | undefined;
      while (messages.length < HISTORY_MAX) {
        const rows = await read(tenant, id, after, READ_PAGE);
        messages.push(...rows.map((row) => row.value as MessageRecord));
        after = rows.at(-1)?.key;
        if (rows.length < READ_PAGE) return { messages, isCut: false };
      }
      return { messages, isCut: true };
    },
    messages: async (tenant, id, { limit, after }) => {
      await describe(tenant, id);
      const rows = await read(tenant, id, after, limit + 1);
      return pageOf(rows, limit, {
        id: (row) => row.key,
        item: (row) => row.value as MessageRecord,
      });
    },
    last: async (tenant, id, limit = LAST_MESSAGES) => {
      const range = { from: FIRST_MESSAGE, to: AFTER_MESSAGES, limit };
      const rows = await system.records(conversationAddress(tenant, id), {
        ...range,
        reverse: true,
      });
      return rows.map((row) => row.value as MessageRecord);
    },
    cancel: async (tenant, id, reason) => {
      await describe(tenant, id);
      await system.ask(conversationAddress(tenant, id), { type: "cancel", reason });
    },
    remove: async (tenant, id) => {
      await describe(tenant, id);
      await system.ask(conversationAddress(tenant, id), { type: "delete" });
      await removePictures(system, tenant, id);
    },
    picture: async (tenant, id, picture) => {
      await describe(tenant, id);
      return await pictureOf(system, tenant, { id, picture });
    },
    belongs: async (tenant, agent, id) => {
      if (!CONVERSATION_ID.test(id) || !AGENT_ID.test(agent)) return false;
      const row = await system.tables.get(tenant, conversationsTable, `${agent}.${id}`);
      return row !== undefined;
    },
  };
}

async function pictureOf(
  { tables }: System,
  tenant: string,
  { id, picture }: { readonly id: string; readonly picture: string },
): Promise<StoredPicture> {
  const { pictureRow, picturesTable } = await pictures();
  const isId = PICTURE_ID.test(picture);
  const row = isId && (await tables.get(tenant, picturesTable, pictureRow(id, picture)));
  if (row) return row.value as StoredPicture;
  const text = `Conversation ${id} has no image ${picture.slice(0, 64)}.`;
  throw new RuntimeError("NOT_FOUND", text);
}

/** Its messages' go with them; what a process that died had kept for a message that never came goes here. */
async function removePictures({ tables }: System, tenant: string, id: string): Promise<void> {
  const { picturesTable: table } = await pictures();
  for (;;) {
    const rows = await tables.list(tenant, table, { prefix: `${id}.`, limit: PICTURES_AT_ONCE });
    if (rows.length === 0) return;
    await tables.write(
      tenant,
      rows.map((row) => ({ type: "remove", table, id: row.id })),
    );
  }
}

/** Of a conversation that is another's than who is asked: whose is told to who reaches that one. */
export function notTheirs(
  { agent, caller }: { readonly agent: string; readonly caller: Caller },
  { agent_key, conversation_key: id }: ConversationRow,
): RuntimeError {
  if (!reaches(caller.allowedResources, agent_key)) return unknown(id);
  return new RuntimeError("NOT_FOUND", `${targetNamed(agent)} has no conversation ${id}.`);
}

function unknown(id: string): RuntimeError {
  return new RuntimeError("NOT_FOUND", `Conversation ${id.slice(0, 64)} does not exist.`);
}
