// Where the token of an operation goes, as the document's security schemes say.

import type { AuthPlace } from "../../actors/web.ts";
import { escaped, Fault, type Fields, isFields, own, resolved } from "./document.ts";

const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;
/** Said by the connection itself, or by more than one. */
const NOT_OURS =
  /^(host|content-length|transfer-encoding|connection|upgrade|te|trailer|expect|cookie|proxy-.*)$/i;

/** Null: it is asked without; undefined: nothing is said of it. The first way of which one token is enough. */
export function securityOf(
  root: Fields,
  operation: Fields,
  place: string,
): AuthPlace | null | undefined {
  const said = own(operation, "security");
  const all = said ?? own(root, "security");
  if (all === undefined) return undefined;
  const where = said === undefined ? "/security" : `${place}/security`;
  if (!Array.isArray(all)) throw new Fault("security is a list.", where);
  const ways = all.filter(isFields).map((way) => Object.keys(way));
  const one = ways.find((names) => names.length === 1);
  if (one === undefined) {
    if (ways.every((names) => names.length === 0)) return null;
    throw new Fault("It needs several credentials at once: one token is sent.", where);
  }
  return placingOf(root, one[0] ?? "", where);
}

function placingOf(root: Fields, name: string, where: string): AuthPlace {
  const components = own(root, "components");
  const schemes = isFields(components) ? own(components, "securitySchemes") : undefined;
  const written = isFields(schemes) ? own(schemes, name) : undefined;
  if (written === undefined) throw new Fault(`There is no security scheme "${name}".`, where);
  const at = `/components/securitySchemes/${escaped(name)}`;
  const { at: scheme, place } = resolved(root, written, at);
  switch (scheme["type"]) {
    case "oauth2":
    case "openIdConnect":
      return bearer;
    case "http":
      return String(scheme["scheme"]).toLowerCase() === "basic" ? { in: "basic" } : bearer;
    case "apiKey":
      return keyOf(scheme, place);
    default:
      throw new Fault("Its type is apiKey, http, oauth2 or openIdConnect.", `${place}/type`);
  }
}

const bearer: AuthPlace = { in: "header", name: "authorization", prefix: "Bearer " };

function keyOf({ in: where, name }: Fields, place: string): AuthPlace {
  if (typeof name !== "string" || !HEADER.test(name) || NOT_OURS.test(name)) {
    throw new Fault("Its name is none that a key can be sent under.", `${place}/name`);
  }
  if (where === "header") return { in: "header", name: name.toLowerCase(), prefix: "" };
  if (where === "query" || where === "cookie") return { in: where, name };
  throw new Fault("A key is in header, query or cookie.", `${place}/in`);
}
