// Loaded before our server: a machine that does not tell its starts apart, as some have none. There no
// reservation goes out ahead of the disk: each waits for its flush.

import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const BOOT_ID = "/proc/sys/kernel/random/boot_id";
const read = fs.readFileSync;

fs.readFileSync = ((path: Parameters<typeof read>[0], ...rest: unknown[]) => {
  if (path === BOOT_ID) throw new Error(`There is no ${BOOT_ID}.`);
  return Reflect.apply(read, fs, [path, ...rest]);
}) as typeof read;
syncBuiltinESMExports();
