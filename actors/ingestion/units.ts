// How the documents of a job are put together: small ones in units that are published at once, units
// in parts that are child runs. From sizes alone, so that a job that is resumed plans the same way.

import { ingestionLimits } from "../records/ingestion-job.ts";

/** A document that is to be taken in: its number in the job and its size in bytes. */
export interface Sized {
  readonly number: number;
  readonly bytes: number;
}

/** Numbers of documents that are published together. */
export type Unit = readonly number[];

/** Units in the order of the documents, none over the limits unless one document is. */
export function unitsOf(documents: readonly Sized[]): readonly Unit[] {
  const { unitBytes, unitDocuments } = ingestionLimits;
  const units: number[][] = [];
  let last: number[] = [];
  let room = 0;
  for (const { number, bytes } of documents) {
    if (last.length === 0 || last.length >= unitDocuments || bytes > room) {
      last = [];
      units.push(last);
      room = unitBytes;
    }
    last.push(number);
    room -= bytes;
  }
  return units;
}

/** At most so many parts, of about as many units each. */
export function partsOf(units: readonly Unit[]): readonly (readonly Unit[])[] {
  const each = Math.max(1, Math.ceil(units.length / ingestionLimits.parts));
  const parts: Unit[][] = [];
  for (let at = 0; at < units.length; at += each) parts.push(units.slice(at, at + each));
  return parts;
}
