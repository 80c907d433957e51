// Long-term memory as it is set on an agent, sent by a client and shown: facts an agent keeps of a
// user, or of all its users, beyond one conversation.

import { type Static, Type } from "../schema.ts";

const closed = { additionalProperties: false } as const;
const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) =>
  Type.Union([schema, Type.Null()]);

/** Limits of memory. */
export const memoryLimits = {
  userChars: 128,
  collectionChars: 64,
  kindChars: 40,
  /** Entries of one user of one agent, unless the agent says otherwise, and at most. */
  entries: 500,
  entriesMax: 2_000,
  /** Characters of one entry, unless the agent says otherwise, and at most. */
  entryChars: 1_000,
  entryCharsMax: 4_000,
  metadataBytes: 4_096,
  queryChars: 4_000,
  topKMax: 50,
  /** Messages of one user's conversations with one agent that are found; the oldest leave first. */
  historyEntries: 4_096,
  /** Messages that one search can be paged through. */
  historyFound: 400,
  /** Characters of a message that it is found by. */
  historyChars: 4_000,
} as const;

/** Who is spoken with, as the application that calls names its users. */
export const userKey = Type.String({ minLength: 1, maxLength: memoryLimits.userChars });

const collectionName = Type.String({
  pattern: `^[A-Za-z0-9_.-]{1,${memoryLimits.collectionChars}}$`,
});

/** `memory` of an agent. */
export const agentMemory = Type.Object(
  {
    type: Type.Union([Type.Literal("vector_db"), Type.Literal("none")]),
    /** Name of what is remembered together; another name begins with nothing. Default "default". */
    collection: Type.Optional(collectionName),
    /** Whether each user has memories of their own (default) or all users share one. */
    scope: Type.Optional(Type.Union([Type.Literal("user"), Type.Literal("agent")])),
    /** Whether a model writes down facts after each turn. Default off. */
    extract: Type.Optional(Type.Union([Type.Literal("off"), Type.Literal("after_turn")])),
    /** Whether the model is given the tools remember, recall and forget. Default true. */
    tools: Type.Optional(Type.Boolean()),
    /** Whether messages can be found by a search of the history. Default true. */
    history: Type.Optional(Type.Boolean()),
    recall: Type.Optional(
      Type.Object(
        {
          /** Entries given to the model before a turn; 0 gives none. Default 6. */
          top_k: Type.Optional(Type.Integer({ minimum: 0, maximum: memoryLimits.topKMax })),
          /** After so many days the part of recency has halved. Default 90. */
          half_life_days: Type.Optional(Type.Number({ minimum: 0.01, maximum: 36_500 })),
          /** Least score. Default 0.15. */
          threshold: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
        },
        closed,
      ),
    ),
    limits: Type.Optional(
      Type.Object(
        {
          entries: Type.Optional(Type.Integer({ minimum: 1, maximum: memoryLimits.entriesMax })),
          entry_chars: Type.Optional(
            Type.Integer({ minimum: 20, maximum: memoryLimits.entryCharsMax }),
          ),
          /** When full: the least valuable entry goes (default), or a new one is refused. */
          when_full: Type.Optional(Type.Union([Type.Literal("drop"), Type.Literal("refuse")])),
        },
        closed,
      ),
    ),
  },
  closed,
);

/** `memory` of an agent. */
export type AgentMemory = Static<typeof agentMemory>;

/** What bounds the entries of one user. */
export interface MemoryBounds {
  readonly entries: number;
  readonly entryChars: number;
  readonly whenFull: "drop" | "refuse";
  readonly halfLifeDays: number;
}

/** The settings with their defaults. */
export interface MemorySettings {
  readonly collection: string;
  readonly scope: "user" | "agent";
  readonly extract: boolean;
  readonly tools: boolean;
  readonly history: boolean;
  readonly topK: number;
  readonly threshold: number;
  readonly bounds: MemoryBounds;
}

/** Settings of an agent; null when it has no memory. Agents stored before there was one have none. */
export function memorySettings(memory: AgentMemory | null | undefined): MemorySettings | null {
  if (memory === null || memory === undefined || memory.type === "none") return null;
  const { collection = "default", scope = "user", extract = "off" } = memory;
  const { tools = true, history = true } = memory;
  return {
    collection,
    scope,
    extract: extract === "after_turn",
    tools,
    history,
    topK: memory.recall?.top_k ?? 6,
    threshold: memory.recall?.threshold ?? 0.15,
    bounds: memoryBounds(memory),
  };
}

/** Bounds of an agent's memory; the defaults for an agent that says nothing. */
export function memoryBounds(memory: AgentMemory | null | undefined): MemoryBounds {
  return {
    entries: memory?.limits?.entries ?? memoryLimits.entries,
    entryChars: memory?.limits?.entry_chars ?? memoryLimits.entryChars,
    whenFull: memory?.limits?.when_full ?? "drop",
    halfLifeDays: memory?.recall?.half_life_days ?? 90,
  };
}

/** One thing that is remembered. Times ISO 8601. */
export interface MemoryEntry {
  /** `me_...` */
  readonly id: string;
  readonly agent_key: string;
  /** Null: of the agent itself, for all its users. */
  readonly user_key: string | null;
  readonly collection: string;
  readonly text: string;
  /** "fact", "preference", or a word of the client's own. A preference is about how to answer. */
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** 0..1, default 0.5. */
  readonly importance: number;
  /** Where it was learned; null for an entry written through the API. */
  readonly source: MemorySource | null;
  readonly written_by: "agent" | "extraction" | "api";
  /** SHA-256 of the text, hex. */
  readonly content_hash: string;
  /** Grows with every change of what it says. */
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
  readonly last_recalled_at: string | null;
}

/** Where a memory comes from. */
export interface MemorySource {
  readonly conversation_key: string;
  readonly message_id: string | null;
}

/** A memory that was found, and how its score came about, each 0..1. */
export interface RecalledMemory {
  readonly id: string;
  readonly text: string;
  readonly kind: string;
  readonly updated_at: string;
  readonly score: number;
  readonly scores: {
    readonly vector: number;
    readonly words: number;
    readonly recency: number;
    readonly importance: number;
  };
}

/** A message of an earlier conversation that was found. */
export interface FoundMessage {
  readonly conversation_key: string;
  readonly sequence: number;
  readonly role: "user" | "assistant";
  readonly text: string;
  readonly created_at: string;
  readonly score: number;
  readonly scores: { readonly vector: number; readonly words: number };
}

const fields = {
  text: Type.String({ minLength: 1, maxLength: memoryLimits.entryCharsMax }),
  kind: Type.Optional(Type.String({ minLength: 1, maxLength: memoryLimits.kindChars })),
  metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  importance: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
};

/** What a client sends to create an entry. */
export const memoryInput = Type.Object(
  {
    agent_key: Type.String({ minLength: 1, maxLength: 64 }),
    user_key: Type.Optional(nullable(userKey)),
    /** Default: that of the agent. */
    collection: Type.Optional(collectionName),
    ...fields,
  },
  closed,
);

/** What a client sends to replace an entry. */
export const memoryReplacement = Type.Object(fields, closed);

/** What a client sends to change an entry. */
export const memoryPatch = Type.Partial(memoryReplacement, { ...closed, minProperties: 1 });

/** A search of the history. */
export const historySearchInput = Type.Object(
  {
    query: Type.String({ minLength: 1, maxLength: memoryLimits.queryChars }),
    user_key: Type.Optional(nullable(userKey)),
    /** Messages of a page, default 10. */
    top_k: Type.Optional(Type.Integer({ minimum: 1, maximum: memoryLimits.topKMax })),
    /** `next_cursor` of the page before. */
    cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  },
  closed,
);
