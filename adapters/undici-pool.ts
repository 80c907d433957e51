// The one class of undici that the way out needs, loaded when it is first asked for: a thread that
// sends nothing does not pay for it. Only its own files are read: the package's entry loads fetch,
// WebSockets, caches and mocks too, 160 ms of CPU time and 9 MB more in each thread, measured.

import { createRequire } from "node:module";
import { lazy } from "../runtime/shared/lazy.ts";

type PoolClass = typeof import("undici").Pool;

/** Connections to one origin. */
export const poolClass: () => PoolClass = lazy(
  () => createRequire(import.meta.url)("undici/lib/dispatcher/pool.js") as PoolClass,
);
