// Citations, `[n]`, name the n-th source of the text that they stand in. Where texts of several members
// come together they are made to name the n-th of all sources, or are left out.

import type { Source } from "../records/conversation.ts";

const CITATION = /\[(\d{1,3})\]/g;
const WITH_SPACE = /[ \t]?\[(\d{1,3})\]/g;

/** The text with citations of its own sources turned into those of `all`, which holds them too. */
export function citingAll(text: string, own: readonly Source[], all: readonly Source[]): string {
  const places = new Map(all.map((source, at) => [keyOf(source), at + 1]));
  return text.replace(CITATION, (whole, number: string) => {
    const source = own[Number(number) - 1];
    const place = source === undefined ? undefined : places.get(keyOf(source));
    return place === undefined ? whole : `[${place}]`;
  });
}

/** The text without citations of its sources: for one whose own passages have the same numbers. */
export function withoutCitations(text: string, own: readonly Source[]): string {
  return text.replace(WITH_SPACE, (whole, number: string) =>
    own[Number(number) - 1] === undefined ? whole : "",
  );
}

const keyOf = ({ collection_key, chunk_id }: Source): string => `${collection_key}/${chunk_id}`;
