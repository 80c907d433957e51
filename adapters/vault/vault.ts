// Secrets as they are stored: each under a random key of its own (AES-256-GCM), which the master key wraps.
// Both are bound to whose secret it is: copied into another tenant's, user's or integration's record it
// cannot be opened. A sealed text is one line of text, so that it stands in a row where the secret stood.

import { randomBytes } from "node:crypto";
import { RuntimeError } from "../../runtime/errors.ts";
import {
  createMasterKeys,
  decrypted,
  encrypted,
  KEY_BYTES,
  type MasterKeys,
} from "./master-keys.ts";

/** Whose secret it is. `user` "": of the tenant. `integration` of what is no integration begins with ":". */
export interface SecretPlace {
  readonly tenant: string;
  readonly user: string;
  readonly integration: string;
}

/** Seals and opens secrets. The same on every thread. */
export interface Vault {
  readonly keys: MasterKeys;
  seal(place: SecretPlace, secret: string): string;
  /** @throws RuntimeError SECRET_UNREADABLE: changed, another record's, or wrapped by a key that is gone. */
  open(place: SecretPlace, sealed: string): string;
  /** The same secret with its key wrapped by the current master key; null when it is. @throws as `open`. */
  rewrapped(place: SecretPlace, sealed: string): string | null;
}

const PREFIX = "vault:1:";
const SHAPE = /^vault:1:([0-9a-f]{8}):([A-Za-z0-9_-]+):([A-Za-z0-9_-]+)$/;

/** Whether a text looks like a sealed one. Who may send any text may send one that looks so. */
export function isSealed(text: string): boolean {
  return text.startsWith(PREFIX) && SHAPE.test(text);
}

/** What a secret is bound to, as bytes: each part with its length before it, so that none runs into the next. */
export function sealedContext({ tenant, user, integration }: SecretPlace): Buffer {
  const parts = [tenant, user, integration].map((part) => Buffer.from(part, "utf8"));
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(part.length);
      return [length, part];
    }),
  );
}

/** The vault over master keys in shared memory. */
export function createVault(memory: SharedArrayBuffer): Vault {
  const keys = createMasterKeys(memory);
  return {
    keys,
    seal: (place, secret) => {
      const context = sealedContext(place);
      const dataKey = randomBytes(KEY_BYTES);
      const { id, bytes } = keys.wrap(dataKey, context);
      const data = encrypted(dataKey, Buffer.from(secret, "utf8"), context);
      return `${PREFIX}${id}:${bytes.toString("base64url")}:${data.toString("base64url")}`;
    },
    open: (place, sealed) => {
      const context = sealedContext(place);
      const { id, wrapped, data } = partsOf(sealed);
      return decrypted(keys.unwrap(id, wrapped, context), data, context).toString("utf8");
    },
    rewrapped: (place, sealed) => {
      const { id, wrapped, data } = partsOf(sealed);
      if (id === keys.currentId) return null;
      const context = sealedContext(place);
      const next = keys.wrap(keys.unwrap(id, wrapped, context), context);
      return `${PREFIX}${next.id}:${next.bytes.toString("base64url")}:${data.toString("base64url")}`;
    },
  };
}

function partsOf(sealed: string): {
  readonly id: string;
  readonly wrapped: Buffer;
  readonly data: Buffer;
} {
  const [, id, wrapped, data] = SHAPE.exec(sealed) ?? [];
  if (id === undefined || wrapped === undefined || data === undefined) {
    throw new RuntimeError("SECRET_UNREADABLE", "A stored secret is not in the form of one.");
  }
  const bytes = (text: string): Buffer => Buffer.from(text, "base64url");
  return { id, wrapped: bytes(wrapped), data: bytes(data) };
}
