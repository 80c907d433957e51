// Chains ready for use, compiled once a thread: versions never change.

import { limits } from "../limits.ts";
import { versionId } from "../records/agent-version.ts";
import { type Chain, compileChain } from "./chain.ts";
import { loadGuardLibraries } from "./libraries.ts";
import type { StoredChain } from "./stored.ts";

const cache = new Map<string, Chain>();

/** One chain of these, in order. @throws Error for one that cannot be compiled, which is not stored. */
export async function compiledChain(
  tenant: string,
  chains: readonly StoredChain[],
): Promise<Chain> {
  const all = chains.flatMap(({ rules }) => rules);
  await loadGuardLibraries(all.some(({ check }) => check.type === "schema"));
  return chains.flatMap((chain) => compiled(tenant, chain));
}

function compiled(tenant: string, { ref, rules }: StoredChain): Chain {
  const key = `${tenant}/${versionId(ref.id, ref.version)}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const chain = compileChain(rules, ref.id);
  cache.set(key, chain);
  if (cache.size > limits.compiledAgents) {
    const oldest = cache.keys().next().value;
    if (oldest !== undefined) cache.delete(oldest);
  }
  return chain;
}
