// A filter over documents as a client sends it: which documents of a collection a search is about.
// What it means is in actors/knowledge/filter.ts.

import { Type } from "../schema.ts";

/** Limits of a filter. */
export const filterLimits = {
  /** Fields, groups and the filters in them together. */
  clauses: 64,
  /** Groups within groups. */
  depth: 8,
  /** Values of `in` and `nin`. */
  items: 100,
  /** Of a field's name with its dots. */
  nameChars: 200,
  /** Names in a dotted name. */
  nameParts: 8,
  valueChars: 1_000,
} as const;

/** Names of a document's own fields; metadata of the same name is not seen. */
export const documentFields = ["document_id", "title", "created_at", "updated_at"] as const;

/** What a field is compared with. */
export type FilterValue = string | number | boolean;

/** What may be said of a field; of several all must hold. */
export interface FilterCondition {
  readonly eq?: FilterValue;
  readonly ne?: FilterValue;
  readonly in?: readonly FilterValue[];
  readonly nin?: readonly FilterValue[];
  readonly gt?: string | number;
  readonly gte?: string | number;
  readonly lt?: string | number;
  readonly lte?: string | number;
  readonly exists?: boolean;
}

/**
 * Members all hold. `and` and `or` are arrays of filters, `not` is a filter; every other name is a
 * field with a value to be equal to, or with a condition. Plain JSON: it crosses threads.
 */
export type Filter = {
  readonly [name: string]: FilterValue | FilterCondition | Filter | readonly Filter[];
};

/** That it is an object; `compileFilter` checks the rest, and says where it is wrong. */
export const filterInput = Type.Record(Type.String(), Type.Unknown());
