// The native parts: whether there is a build of each for this Node and machine.

import { loadNativeListen } from "../http/listen.ts";
import { type Check, error, type Finding, ok, warning, wordsOf } from "./check.ts";

const HEADER_BYTES = 16_384;
const platform = `${process.platform} ${process.arch}, Node ${process.versions.node}`;

/** What is loaded, and what it means that it cannot be. */
const parts = [
  {
    name: "lmdb",
    load: () => import("../../runtime/store/lmdb-library.ts"),
    without: (why: string) =>
      error(
        `lmdb does not load on ${platform}: ${why}`,
        "Use a Node and a machine it is built for; npm ci.",
      ),
  },
  {
    name: "usearch",
    load: () => import("usearch"),
    without: (why: string) =>
      error(
        `usearch does not load on ${platform}, so large collections cannot be searched: ${why}`,
        "Use a Node and a machine it is built for; npm ci.",
      ),
  },
] as const;

export const nativesCheck: Check = {
  name: "native parts",
  run: async () => {
    const findings: Finding[] = [];
    for (const { load, without } of parts) {
      await load().catch((thrown: unknown) => findings.push(without(wordsOf(thrown))));
    }
    if ((await loadNativeListen(HEADER_BYTES)) === null) {
      const text = `uWebSockets.js has no build for ${platform}: node:http serves, which takes fewer requests a second.`;
      findings.push(warning(text, "Use Node 20 or 22 on Linux, macOS or Windows."));
    }
    return findings.length > 0 ? findings : [ok(`All are built for ${platform}.`)];
  },
};
