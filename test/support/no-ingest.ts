// The Ingest port of tests that take nothing in.

import type { Ingest } from "../../actors/ports.ts";

const refuse = (): Promise<never> => Promise.reject(new Error("Nothing is taken in here."));

/** Refuses every call. */
export const noIngest: Ingest = {
  prepare: refuse,
  embed: refuse,
  publish: refuse,
  visible: refuse,
  clear: refuse,
};
