// Whether a provider's clock shows what ours does, by the `Date` of any answer of it (RFC 9110, 6.6.1).
// Tokens, signatures and certificates are judged by both.

import type { Config } from "../config.ts";
import { createEgress } from "../egress.ts";
import { hostsOf } from "../llm/llm.ts";
import { llmConfigOf } from "../llm-config.ts";
import { type Finding, warning } from "./check.ts";

/** Clocks that differ by less are taken for alike, s: the header has whole seconds. */
const APART_MAX_S = 30;
const limits = { firstByteMs: 2_500, idleMs: 2_500, totalMs: 5_000 };

/** Nothing when they are alike, or when it says no time; that it is not reached is told elsewhere. */
export async function providerClock(
  config: Config,
  { name, baseUrl }: Config["providers"][number],
): Promise<readonly Finding[]> {
  const egress = createEgress({ allowedHosts: hostsOf(llmConfigOf(config)) });
  try {
    const sentMs = Date.now();
    const { headers, discard } = await egress.request({
      ...{ url: baseUrl, method: "HEAD", redirects: "show", limits },
    });
    const ourMs = (sentMs + Date.now()) / 2;
    discard();
    const { date } = headers;
    const theirMs = typeof date === "string" ? Date.parse(date) : Number.NaN;
    const apart = Math.round((ourMs - theirMs) / 1_000);
    if (Number.isNaN(apart) || Math.abs(apart) <= APART_MAX_S) return [];
    const way = apart > 0 ? "ahead of" : "behind";
    const text = `${name}: our clock is ${Math.abs(apart)} s ${way} that of ${baseUrl} (${String(date)}).`;
    return [
      warning(text, "timedatectl set-ntp true; if ours is right, theirs is the provider's to set."),
    ];
  } catch {
    return [];
  } finally {
    egress.close();
  }
}
