// Large texts that are made for one request and kept: in steps, with the event loop between some of them.
// Made at once they would hold up whoever is served beside.

import { setImmediate as nextPass } from "node:timers/promises";

/** So long steps are taken in one pass of the event loop, ms. */
const STEPS_MS = 1;

/** Takes all steps; what they come to. @throws what a step throws. */
export async function takeSteps<Result>(steps: Iterator<unknown, Result, void>): Promise<Result> {
  let passMs = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (performance.now() - passMs < STEPS_MS) continue;
    await nextPass();
    passMs = performance.now();
  }
}

/** The pieces as one UTF-8 text. */
export function* joined(pieces: Iterable<string>): Generator<void, Uint8Array, void> {
  const all: Buffer[] = [];
  for (const piece of pieces) {
    all.push(Buffer.from(piece));
    yield;
  }
  return Buffer.concat(all);
}

/** An object as JSON in pieces, those of its members that are objects, and theirs, one by one. */
export function* jsonPieces(value: object, depth = 2): Generator<string, void, void> {
  let before = "{";
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const key = `${before}${JSON.stringify(name)}:`;
    before = ",";
    if (depth > 0 && typeof member === "object" && member !== null && !Array.isArray(member)) {
      yield key;
      yield* jsonPieces(member, depth - 1);
    } else yield key + JSON.stringify(member);
  }
  yield before === "{" ? "{}" : "}";
}
