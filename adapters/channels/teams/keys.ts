// The keys that the Bot Connector signs with, as its OpenID metadata names them. They are kept for a day; one
// that is not among them is looked for once more, and not again for a while: anybody may name any key.

import { type CryptoKey, importJWK, type JWK } from "jose";
import type { ChannelEnvironment } from "../adapter.ts";
import { jsonIn } from "../platform-answer.ts";
import { fieldsOf, listIn, memberOf, textIn } from "../sent-json.ts";
import { teamsLimits } from "./limits.ts";

/** A key, and the channels it signs for. */
export interface SigningKey {
  readonly key: CryptoKey | Uint8Array;
  readonly endorsements: readonly unknown[];
}

/** Keys of an account. */
export class SigningKeys {
  readonly #url: string;
  readonly #environment: ChannelEnvironment;
  #keys = new Map<string, SigningKey>();
  #readAtMs = Number.NEGATIVE_INFINITY;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<string | null> | null = null;

  constructor(url: string, environment: ChannelEnvironment) {
    this.#url = url;
    this.#environment = environment;
  }

  /** A key by its id: null when there is none; "unreachable" when there are none at all, because nobody could be asked. */
  async find(id: string): Promise<SigningKey | null | "unreachable"> {
    const { keysMs, keysRestMs } = teamsLimits;
    const now = this.#environment.nowMs();
    const isMissing = !this.#keys.has(id);
    const isOld = now - this.#readAtMs >= keysMs;
    if ((isMissing || isOld) && now - this.#triedAtMs >= keysRestMs) await this.refresh();
    else if (isMissing && this.#reading !== null) await this.#reading;
    if (this.#keys.size === 0) return "unreachable";
    return this.#keys.get(id) ?? null;
  }

  /** Fetches them; several who want that at once wait for one. @returns why not, or null. */
  async refresh(): Promise<string | null> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    return await this.#reading;
  }

  async #read(): Promise<string | null> {
    this.#triedAtMs = this.#environment.nowMs();
    const signal = AbortSignal.timeout(teamsLimits.keysFetchMs);
    const metadata = await this.#get(this.#url, signal);
    const url = textIn(metadata, "jwks_uri", 1_000);
    // Whoever answers for one address does not send us to another house.
    if (url === null || !URL.canParse(url) || new URL(url).origin !== new URL(this.#url).origin) {
      return "the OpenID metadata of the Bot Connector could not be read";
    }
    const keys = new Map<string, SigningKey>();
    for (const jwk of listIn(await this.#get(url, signal), "keys").slice(0, teamsLimits.keys)) {
      const id = textIn(jwk, "kid", 200);
      const key = await keyOf(jwk);
      if (id !== null && key !== null) {
        keys.set(id, { key, endorsements: listIn(jwk, "endorsements") });
      }
    }
    // What was known stays: a list that cannot be read takes no key away.
    if (keys.size === 0) return "the keys of the Bot Connector could not be read";
    this.#keys = keys;
    this.#readAtMs = this.#triedAtMs;
    return null;
  }

  async #get(url: string, signal: AbortSignal): Promise<unknown> {
    const bytesMax = teamsLimits.keysBytes;
    const answer = await this.#environment.call({ method: "GET", url, signal, bytesMax });
    return answer.reached && answer.status === 200 ? jsonIn(answer.body) : null;
  }
}

async function keyOf(jwk: unknown): Promise<SigningKey["key"] | null> {
  const use = memberOf(jwk, "use");
  if (memberOf(jwk, "kty") !== "RSA" || (use !== undefined && use !== "sig")) return null;
  const [n, e] = [textIn(jwk, "n", 4_000), textIn(jwk, "e", 100)];
  if (fieldsOf(jwk) === null || n === null || e === null) return null;
  try {
    return await importJWK({ kty: "RSA", n, e } satisfies JWK, "RS256");
  } catch {
    // One that cannot be read is one that nothing was signed with.
    return null;
  }
}
