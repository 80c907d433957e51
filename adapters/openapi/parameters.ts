// The parameters of an operation: those of its path and its own, each with its schema and how it is written.

import { type ApiParameter, openApiLimits } from "../../actors/openapi/api.ts";
import { escaped, Fault, type Fields, isFields, own, resolved } from "./document.ts";
import { schemaAt, type Unfolding } from "./schema.ts";

/** One, with what a model is told of it. */
export interface Given extends ApiParameter {
  readonly schema: unknown;
  readonly isRequired: boolean;
}

/** Said by the connection, by the body or by the credentials alone. */
const NOT_GIVEN =
  /^(accept|content-type|authorization|cookie|idempotency-key|host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|accept-encoding|proxy-.*)$/i;
const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;

const styles = {
  path: ["simple", "label", "matrix"],
  query: ["form", "spaceDelimited", "pipeDelimited", "deepObject"],
  header: ["simple"],
  cookie: ["form"],
} as const;

interface Of {
  readonly path: string;
  readonly item: Fields;
  readonly operation: Fields;
  readonly place: string;
}

/** In the order of the document. @throws Fault. */
export function parametersOf(
  of: Unfolding,
  { path, item, operation, place }: Of,
): readonly Given[] {
  const above = place.slice(0, place.lastIndexOf("/"));
  const all = [
    ...listOf(item, `${above}/parameters`),
    ...listOf(operation, `${place}/parameters`),
  ].map(([value, at]) => resolved(of.root, value, at));
  if (all.length > openApiLimits.parameters) {
    throw new Fault(`It has more than ${openApiLimits.parameters} parameters.`, place);
  }
  // Those of the operation take the place of those of the path.
  const byName = new Map(all.map((one) => [`${one.at["in"]} ${one.at["name"]}`, one]));
  const given: Given[] = [];
  for (const { at, place: where } of byName.values()) {
    const one = givenOf(of, at, where);
    if (one === null) continue;
    const isTaken = given.some(({ argument }) => argument === one.argument);
    given.push(isTaken ? { ...one, argument: `${one.argument}_in_${one.in}` } : one);
  }
  checkPlaces(path, given, place);
  return given;
}

function listOf(from: Fields, place: string): readonly (readonly [unknown, string])[] {
  const list = own(from, "parameters") ?? [];
  if (!Array.isArray(list)) throw new Fault("parameters is a list.", place);
  return list.map((one, at) => [one, `${place}/${at}`] as const);
}

function givenOf(of: Unfolding, at: Fields, place: string): Given | null {
  const { name, in: where } = at;
  if (typeof name !== "string" || name === "" || name === "__proto__" || name.length > 200) {
    throw new Fault("A parameter has a name.", `${place}/name`);
  }
  if (typeof where !== "string" || !Object.hasOwn(styles, where)) {
    throw new Fault("A parameter is in path, query, header or cookie.", `${place}/in`);
  }
  const kind = where as keyof typeof styles;
  if (kind === "header" && NOT_GIVEN.test(name)) return null;
  if ((kind === "header" || kind === "cookie") && !HEADER.test(name)) {
    throw new Fault(`"${name}" is no name of a ${kind}.`, `${place}/name`);
  }
  const isRequired = kind === "path" || at["required"] === true;
  const said = typeof at["description"] === "string" ? { description: at["description"] } : {};
  const base = { argument: name, name, in: kind, isRequired };
  const content = own(at, "content");
  if (isFields(content)) {
    const [type = "", media] = Object.entries(content)[0] ?? [];
    const inner = `${place}/content/${escaped(type)}/schema`;
    const schema = isFields(media) ? schemaAt(of, own(media, "schema"), inner) : {};
    return { ...base, style: "json", explode: false, schema: described(schema, said) };
  }
  const style = String(at["style"] ?? styles[kind][0]);
  if (!(styles[kind] as readonly string[]).includes(style)) {
    throw new Fault(
      `A parameter in ${kind} has no style "${style.slice(0, 40)}".`,
      `${place}/style`,
    );
  }
  const explode = typeof at["explode"] === "boolean" ? at["explode"] : style === "form";
  const schema = schemaAt(of, own(at, "schema"), `${place}/schema`);
  return { ...base, style: style as Given["style"], explode, schema: described(schema, said) };
}

function described(schema: unknown, said: Fields): unknown {
  return isFields(schema) ? { ...schema, ...said } : schema;
}

/** Each place of the path has its parameter. */
function checkPlaces(path: string, given: readonly Given[], place: string): void {
  const inPath = given.filter(({ in: where }) => where === "path");
  const places = [...path.matchAll(/\{([^{}]+)\}/g)].map(([, name = ""]) => name);
  const without = places.find((name) => !inPath.some((one) => one.name === name));
  if (without !== undefined) throw new Fault(`The path's {${without}} has no parameter.`, place);
  const odd = inPath.find(({ name }) => !places.includes(name));
  if (odd !== undefined) throw new Fault(`The path has no place for "${odd.name}".`, place);
}
