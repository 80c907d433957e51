// Ids and times as Slack writes them, in plain JSON of which nothing is believed before it is looked at.

import { type Fields, fieldsOf, memberOf, textIn } from "../sent-json.ts";

/** An object within it; one without members when there is none. */
export function objectIn(value: unknown, name: string): Fields {
  return fieldsOf(memberOf(value, name)) ?? {};
}

/** An id of Slack's (`C024BE91L`); null for anything else. */
export function idIn(value: unknown, name: string): string | null {
  const id = textIn(value, name, 80);
  return id !== null && /^[A-Z0-9]{1,40}$/.test(id) ? id : null;
}

/** Time and name of a message (`1355517523.000005`); null for anything else. */
export function timeIn(value: unknown, name: string): string | null {
  const time = textIn(value, name, 80);
  return time !== null && /^\d{1,12}\.\d{1,10}$/.test(time) ? time : null;
}
