// What a kind of record is to a pack: how it is checked, made, changed, read and removed in a draft of
// the tenant's tables. A kind is one file here and its line in kinds.ts.

import type { Prices } from "../../../actors/money/catalogue.ts";
import type { Embedders } from "../../../actors/ports.ts";
import type { TSchema } from "../../../actors/schema.ts";
import type { Resources } from "../../http/resources/kinds.ts";
import type { AgentStore, Caller } from "../../http/services/agent-store.ts";
import type { AgentOperations } from "../../http/services/agents.ts";
import type { KnowledgeService } from "../../http/services/knowledge.ts";
import type { SkillService } from "../../http/services/skills.ts";
import type { DraftTables } from "../draft-tables.ts";
import type { PackFiles } from "../file-path.ts";
import type { Problems } from "../problems.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** A tenant's records as a pack is about to make them. Everything in it writes to `tables` alone. */
export interface Draft {
  readonly caller: Caller;
  readonly tables: DraftTables;
  readonly agents: AgentOperations;
  readonly agentStore: AgentStore;
  readonly resources: Resources;
  readonly knowledge: KnowledgeService;
  readonly skills: SkillService;
  /** Skills of which files may be left over once this is stored. */
  readonly unswept: ReadonlySet<string>;
  readonly embedders: Embedders;
  readonly prices: Prices;
  /** Of what is made. ISO. */
  readonly at: string;
  /** A new id; in a draft that repeats another one, the same. @param name of the object. */
  newId(prefix: string, name: string): string;
}

/** A record as it is in the draft. */
export interface Made {
  readonly id: string;
  readonly version: number;
  /** As it is shown, without secrets. What it names are ids. */
  readonly fields: Fields;
  /** Ids of what it is made of, by their names. */
  readonly parts: Readonly<Record<string, string>>;
  /** Ids of what it names otherwise than by these in its fields. */
  readonly links?: readonly string[];
}

/** What a pack knows of a record that it made. */
export interface Known {
  readonly id: string;
  readonly parts: Readonly<Record<string, string>>;
}

/** A record of a pack as its file says it. */
export interface Wanted {
  /** Its name in the pack. */
  readonly name: string;
  /** With ids in place of names; a text stays as it was where the name is not known yet. */
  readonly fields: Fields;
}

/** A kind. All calls throw RuntimeError with `details.pointer` within the object. */
export interface PackKind {
  /** Its section of the file: "prompts". */
  readonly section: string;
  /** One of them, in messages: "prompt". */
  readonly name: string;
  /** Of its ids. */
  readonly prefix: string;
  /** What an object says beside its key, with ids in place of names. */
  readonly input: TSchema;
  /** The shape of an object as it is written, with its key. Default: any with a key. */
  readonly outline?: TSchema;
  /** Sections below an object, each with keys of its own: its parts. */
  readonly parts?: string;
  /** Of the ids of these. */
  readonly partPrefix?: string;
  /** Whether a record can be made of its name alone, so that records can name each other in a circle. */
  readonly canBeBare: boolean;
  /** Names of records of the same kind that it refers to by these, not by references. */
  uses?(fields: Fields): Promise<readonly string[]>;
  /** An object as it is written, with what lies beside the pack's file. */
  filled?(
    fields: Fields,
    beside: {
      readonly files: PackFiles;
      readonly problems: Problems;
      /** Of the object. */
      readonly pointer: string;
    },
  ): Fields;
  create(draft: Draft, wanted: Wanted): Promise<Made>;
  /** The same version when nothing changes. */
  change(draft: Draft, wanted: Wanted, known: Known): Promise<Made>;
  remove(draft: Draft, known: Known): Promise<void>;
  /** null for one that is gone. */
  read(draft: Draft, known: Known): Promise<Made | null>;
  /** What a file says of one, where that is more than its fields. */
  written?(draft: Draft, made: Made): Promise<Fields>;
  /** All its parts, made by the pack or by hand, by names that are given to them. */
  partsOf?(draft: Draft, id: string): Promise<Readonly<Record<string, string>>>;
}
