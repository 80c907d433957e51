// The name of an actor. It says which shard the actor lives in without a look-up, and its tenant
// is part of the name, so no message can be sent across tenants by a filter somebody forgot.

import { RuntimeError } from "./errors.ts";

/** Shards of one data folder; fixed in its header, because an address names its shard by hashing. */
export const SHARDS = 1024;

/**
 * `kind:tenant/root` or `kind:tenant/root/path`, e.g. `conversation:tn_1/cv_2` and, for a run
 * under it, `supervisor:tn_1/cv_2/rn_3`. Everything with one root shares a shard and a worker.
 */
export type Address = string & { readonly brand?: "Address" };

/** The parts of an address. `path` is "" for the root actor itself. */
export interface AddressParts {
  readonly kind: string;
  readonly tenant: string;
  readonly root: string;
  readonly path: string;
}

const PART = /^[A-Za-z0-9_.~@-]{1,64}$/;
const PATH_CHARS_MAX = 256;

/** Builds an address; throws INVALID when a part is empty, too long or has a separator in it. */
export function address(parts: {
  kind: string;
  tenant: string;
  root: string;
  path?: string;
}): Address {
  const { kind, tenant, root, path = "" } = parts;
  for (const part of [kind, tenant, root]) {
    if (!PART.test(part))
      throw new RuntimeError("INVALID", `"${part.slice(0, 80)}" is no address part.`);
  }
  if (path.length > PATH_CHARS_MAX) {
    throw new RuntimeError(
      "DEPTH_EXHAUSTED",
      `An address path has at most ${PATH_CHARS_MAX} characters.`,
    );
  }
  return path === "" ? `${kind}:${tenant}/${root}` : `${kind}:${tenant}/${root}/${path}`;
}

/** The parts of an address built by `address`. */
export function addressParts(of: Address): AddressParts {
  const colon = of.indexOf(":");
  const slash = of.indexOf("/", colon);
  const next = of.indexOf("/", slash + 1);
  return {
    kind: of.slice(0, colon),
    tenant: of.slice(colon + 1, slash),
    root: next === -1 ? of.slice(slash + 1) : of.slice(slash + 1, next),
    path: next === -1 ? "" : of.slice(next + 1),
  };
}

/** The kind of an address built by `address`. */
export function kindOfAddress(of: Address): string {
  return of.slice(0, of.indexOf(":"));
}

/** The tenant of an address built by `address`. */
export function tenantOfAddress(of: Address): string {
  const colon = of.indexOf(":");
  return of.slice(colon + 1, of.indexOf("/", colon));
}

const SLASH = 0x2f;

/** Shard of everything under (tenant, root): FNV-1a over `tenant/root`, modulo `SHARDS`. */
export function shardOf(tenant: string, root: string): number {
  return shardOfAddress(`:${tenant}/${root}`);
}

/** Shard of an address. It is asked for each message: no part is cut out of the address. */
export function shardOfAddress(of: Address): number {
  let hash = 0x811c9dc5;
  let isRoot = false;
  for (let at = of.indexOf(":") + 1; at < of.length; at += 1) {
    const code = of.charCodeAt(at);
    if (code === SLASH) {
      if (isRoot) break;
      isRoot = true;
    }
    hash = Math.imul(hash ^ code, 0x01000193);
  }
  return (hash >>> 0) % SHARDS;
}
