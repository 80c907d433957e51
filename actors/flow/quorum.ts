// Who has to agree at a node at which people decide, as a graph says it.

import { keyRoles } from "../records/api-key.ts";
import { type Quorum, quorumOf } from "../records/approval.ts";
import { FieldReader, objectOf, refuseUnknown } from "./node-reader.ts";

const KNOWN = new Set(["required", "from", "not_requester"]);
const KNOWN_FROM = new Set(["roles", "keys"]);
const KEY = /^(ak_|jwt\.)[A-Za-z0-9_.-]{1,80}$/;
const REQUIRED_MAX = 10;
const KEYS_MAX = 100;

/** The field `approvals`; null when it is absent. @throws GRAPH_INVALID with the pointer. */
export function quorumIn(reader: FieldReader): Quorum | null {
  const given = reader.given("approvals");
  if (given === undefined) return null;
  const pointer = reader.at("approvals");
  const fields = objectOf(given, pointer);
  refuseUnknown(fields, KNOWN, pointer);
  const own = new FieldReader(fields, pointer);
  const required = own.integer("required", { min: 1, max: REQUIRED_MAX, usual: 1 });
  const not_requester = own.given("not_requester") ?? false;
  if (typeof not_requester !== "boolean") {
    throw own.fault("not_requester", "not_requester is true or false.");
  }
  const from = own.given("from");
  if (from === undefined) return quorumOf({ required, not_requester });
  const who = objectOf(from, own.at("from"));
  refuseUnknown(who, KNOWN_FROM, own.at("from"));
  const inFrom = new FieldReader(who, own.at("from"));
  const roles = textsIn(inFrom, "roles", (one) => keyRoles.some((role) => role === one));
  const keys = textsIn(inFrom, "keys", (one) => KEY.test(one));
  return quorumOf({
    ...{ required, not_requester },
    from: { ...(roles && { roles }), ...(keys && { keys }) },
  });
}

function textsIn(
  reader: FieldReader,
  name: string,
  isKnown: (one: string) => boolean,
): readonly string[] | undefined {
  const given = reader.given(name);
  if (given === undefined) return undefined;
  const fits = (one: unknown): one is string => typeof one === "string" && isKnown(one);
  if (Array.isArray(given) && given.length > 0 && given.length <= KEYS_MAX && given.every(fits)) {
    return given;
  }
  throw reader.fault(name, `${name} is a list of 1 to ${KEYS_MAX} that are known.`);
}
