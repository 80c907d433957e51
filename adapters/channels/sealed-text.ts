// Secrets that a platform gives along with an event and that an answer needs: they stand in the answer's address,
// which is stored, so that they are sealed there. The key is the account's own, kept sealed itself (kept.ts).

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { ChannelEnvironment } from "./adapter.ts";

/** Name that the key is kept under. */
const KEY = "address_key";
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Of one account. */
export class SealedTexts {
  readonly #environment: Pick<ChannelEnvironment, "account" | "kept">;
  #key: Promise<Buffer> | undefined;

  constructor(environment: Pick<ChannelEnvironment, "account" | "kept">) {
    this.#environment = environment;
  }

  async seal(text: string): Promise<string> {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, await this.#keyOf(), nonce);
    cipher.setAAD(Buffer.from(this.#environment.account));
    const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url");
  }

  /** Null: it was not sealed here. */
  async open(sealed: string): Promise<string | null> {
    const bytes = Buffer.from(sealed, "base64url");
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv(CIPHER, await this.#keyOf(), nonce, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(this.#environment.account));
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    try {
      const text = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
      return Buffer.concat([text, decipher.final()]).toString("utf8");
    } catch {
      // Another account's, or changed: nothing of it is believed.
      return null;
    }
  }

  /** Read once: it never changes. */
  #keyOf(): Promise<Buffer> {
    const fresh = () => randomBytes(KEY_BYTES).toString("base64url");
    this.#key ??= this.#environment.kept
      .update(KEY, async (before) => before ?? fresh())
      .then((key) => Buffer.from(key, "base64url"))
      .catch((error: unknown) => {
        this.#key = undefined;
        throw error;
      });
    return this.#key;
  }
}
