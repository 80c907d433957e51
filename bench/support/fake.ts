// The bench's provider as the questions use it: a process of its own on the client's core.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cores, startProcess } from "./processes.ts";
import type { ProviderCounts, ProviderPace } from "./provider.ts";

const program = join(dirname(fileURLToPath(import.meta.url)), "provider-main.js");

/** A pace at which nothing is waited for. */
export const noPace: ProviderPace = { firstTokenMs: 0, tokenMs: 0, tokens: 9, routeTokens: 3 };
/** A pace like a real model's: 300 ms, then 40 tokens every 20 ms; a decision has 12. */
export const realPace: ProviderPace = {
  firstTokenMs: 300,
  tokenMs: 20,
  tokens: 40,
  routeTokens: 12,
};

/** The running provider. */
export interface Provider {
  readonly port: number;
  /** Sets the pace and forgets what was counted; `keepsBodies`: the next bodies are kept. */
  pace(pace: ProviderPace, keepsBodies?: boolean): Promise<void>;
  counts(): Promise<ProviderCounts>;
  cpuSeconds(): number;
  stop(): Promise<void>;
}

/** Starts the provider. */
export async function startFake(): Promise<Provider> {
  const running = await startProcess({ name: "provider", args: [program], core: cores.client });
  const url = `http://127.0.0.1:${running.port}`;
  return {
    port: running.port,
    async pace(pace, keepsBodies = false) {
      const body = JSON.stringify({ ...pace, keepsBodies });
      await (await fetch(`${url}/_pace`, { method: "POST", body })).text();
    },
    async counts() {
      return (await (await fetch(`${url}/_counts`)).json()) as ProviderCounts;
    },
    cpuSeconds: () => running.cpuSeconds(),
    stop: () => running.stop(),
  };
}
