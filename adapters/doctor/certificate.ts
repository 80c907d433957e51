// The certificate of the port: served at all, and for how long.

import { stat } from "node:fs/promises";
import { readTlsPair } from "../tls-pair.ts";
import { type Check, error, type Finding, ok, warning, wordsOf } from "./check.ts";

const DAY_MS = 24 * 3_600_000;
/** It is warned of so many days before the end. */
const WARN_DAYS = 14;
/** Rights of anybody but the owner and its group. */
const OTHERS = 0o007;

export const certificateCheck: Check = {
  name: "certificate",
  run: async ({ config }) => {
    if (config === null || config.tls === null) return [];
    const { keyFile, certFile } = config.tls;
    const findings: Finding[] = [];
    const key = await stat(keyFile).catch(() => null);
    if (key !== null && (key.mode & OTHERS) !== 0) {
      findings.push(error(`Every user may read ${keyFile}.`, `chmod 600 ${keyFile}`));
    }
    try {
      const { subject, notAfter } = await readTlsPair(config.tls);
      const days = Math.floor((notAfter.getTime() - Date.now()) / DAY_MS);
      const text = `${certFile} (${subject}) ends in ${days} days, on ${notAfter.toISOString()}.`;
      const fix = "Renew it; the server takes new files within seconds, without a restart.";
      findings.push(days < WARN_DAYS ? warning(text, fix) : ok(text));
    } catch (thrown) {
      const fix = "Put it right: the server does not start with it, and keeps the one it serves.";
      findings.push(error(wordsOf(thrown), fix));
    }
    return findings;
  },
};
