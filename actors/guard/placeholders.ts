// What stands in a text in place of what was taken out of it: "[EMAIL_1]". The same value has the same
// number as long as one of these lives, which is one message or one run; the values are nowhere stored.

import type { Hit } from "./scanner.ts";

/** Values of one kind that are told apart; those beyond are all the last one. */
const VALUES_MAX = 10_000;

const GROUPING = /[\s().-]/g;

/** Gives values their placeholders. */
export interface Placeholders {
  of(type: string, value: string): string;
}

/** With no value known yet. */
export function createPlaceholders(): Placeholders {
  const known = new Map<string, Map<string, number>>();
  return {
    of(type, value) {
      const values = known.get(type) ?? new Map<string, number>();
      known.set(type, values);
      // Numbers are the same however they are grouped.
      const plain = /\p{L}.*@/u.test(value) ? value.toLowerCase() : value.replaceAll(GROUPING, "");
      let number = values.get(plain);
      if (number === undefined) {
        number = Math.min(values.size + 1, VALUES_MAX);
        if (values.size < VALUES_MAX) values.set(plain, number);
      }
      return `[${type}_${number}]`;
    },
  };
}

/** The text with its hits replaced. */
export function redacted(text: string, hits: readonly Hit[], placeholders: Placeholders): string {
  let at = 0;
  let out = "";
  for (const { start, end, type } of hits) {
    out += text.slice(at, start) + placeholders.of(type, text.slice(start, end));
    at = end;
  }
  return out + text.slice(at);
}
