// Whether processes can be sandboxed here: their tests are skipped, with what is missing, where they cannot.

import { findSandbox } from "../../adapters/sandbox/bubblewrap.ts";

const found = await findSandbox([]);

/** Whether they can. */
export const hasSandbox = found.ok;
/** For the names of tests that are skipped. */
export const whyNoSandbox = found.ok ? "" : ` (skipped: ${found.problem})`;
