// What deliveries to a trigger of type `webhook` are proved by.

import type { TriggerInput } from "../../actors/records/trigger.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { headerKey, type SigningRules, secretsIn, standardKey } from "../signed-webhook.ts";

const POINTER = "/secrets/signing";

/** The rules of a record. @throws INVALID with the pointer. */
export function hookRules({
  secrets,
  signature_header: header,
}: Pick<TriggerInput, "secrets" | "signature_header">): SigningRules {
  const signing = secretsIn(secrets?.signing, POINTER);
  if (signing.length === 0) {
    const message = "A webhook needs a secret that its deliveries are signed with.";
    throw new RuntimeError("INVALID", message, { pointer: POINTER });
  }
  if (header === undefined) {
    const keys = signing.map((secret) => standardKey(secret, POINTER));
    return { keys, legacyHeader: null, legacyKeys: [] };
  }
  const legacyKeys = signing.map((secret) => headerKey(secret, POINTER));
  return { keys: [], legacyHeader: header.toLowerCase(), legacyKeys };
}
