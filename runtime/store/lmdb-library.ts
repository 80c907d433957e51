// LMDB as one module for every thread. The package's file for `require` is all of it in one; `import`
// would read, resolve and compile sixteen in each thread: 35 ms of CPU time and 2 MB more, measured.

import { createRequire } from "node:module";

export type { RootDatabase } from "lmdb";

const library = createRequire(import.meta.url)("lmdb") as typeof import("lmdb");

/** Opens an environment. */
export const { open } = library;
