// The `secrets` of a record: texts by their names that are written and never shown. `***` is shown in their place, and
// sent back it keeps what is stored.

import { HIDDEN } from "../tools/secret-headers.ts";
import type { ResourceKind } from "./resource.ts";

type Secrets = Readonly<Record<string, unknown>>;

/** How a kind of records with `secrets` is shown and stored. */
export const secretFields: Required<Pick<ResourceKind<object>, "shown" | "stored">> = {
  shown: (fields) => withSecrets(fields, () => HIDDEN),
  stored: (sent, before) =>
    withSecrets(sent, (secret, name) => {
      const kept = (before as { readonly secrets?: Secrets } | undefined)?.secrets?.[name];
      return secret === HIDDEN && typeof kept === "string" ? kept : secret;
    }),
};

/** A record with each of its secrets mapped. */
export function withSecrets<Fields extends object>(
  fields: Fields,
  map: (secret: string, name: string) => string,
): Fields {
  const { secrets } = fields as { readonly secrets?: Secrets | null };
  if (secrets === undefined || secrets === null || typeof secrets !== "object") return fields;
  const mapped = Object.entries(secrets).map(([name, secret]) => [
    name,
    typeof secret === "string" ? map(secret, name) : secret,
  ]);
  return { ...fields, secrets: Object.fromEntries(mapped) };
}
