// `troupe version`: the version of the package.

import { readFile } from "node:fs/promises";

/** Version of this package, from its package.json. */
export async function packageVersion(): Promise<string> {
  // Three folders up from dist/adapters/cli/.
  const text = await readFile(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** Prints the version. */
export async function run(): Promise<number> {
  console.log(await packageVersion());
  return 0;
}
