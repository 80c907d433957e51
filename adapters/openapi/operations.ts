// The operations of a document that a list names, each as a tool has it: its arguments, where they go, its address and
// where its token goes.

import { loadSchemas } from "../../actors/answer/output-schema.ts";
import { readDefinition } from "../../actors/mcp/definition.ts";
import {
  type Api,
  type ApiBody,
  type ApiOperation,
  type ApiRead,
  openApiLimits,
  type ReadApi,
} from "../../actors/openapi/api.ts";
import { documentOf, escaped, Fault, type Fields, isFields, own, resolved } from "./document.ts";
import { type Given, parametersOf } from "./parameters.ts";
import { schemaAt, type Unfolding } from "./schema.ts";
import { securityOf } from "./security.ts";
import { serverOf } from "./servers.ts";

const METHODS = ["get", "head", "post", "put", "patch", "delete"] as const;

/** One of a document, before it is looked at. */
interface Found {
  readonly method: string;
  readonly path: string;
  readonly id: string;
  readonly item: Fields;
  readonly operation: Fields;
  readonly place: string;
}

/** Reads a document. What is wrong with it is a value. */
export async function readApi(input: unknown): Promise<ApiRead> {
  await loadSchemas();
  try {
    return { ok: true, api: apiOf(input as ReadApi) };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { message, place, isConfig } = error;
    return { ok: false, message, place, isConfig };
  }
}

function apiOf(input: ReadApi): Api {
  const root = documentOf(input.text);
  const version = String(own(root, "openapi") ?? "");
  if (!/^3\.[012](\.\d+)?$/.test(version)) {
    const what =
      version === "" ? "says no version of OpenAPI" : `is of version "${version.slice(0, 20)}"`;
    throw new Fault(`The document ${what}; 3.0 and 3.1 are read.`, "/openapi");
  }
  const chosen = chosenOf(operationsOf(root), input.operations);
  const operations: ApiOperation[] = [];
  let chars = 0;
  for (const found of chosen) {
    const one = operationOf(root, found, input);
    chars += JSON.stringify(one).length;
    if (chars > openApiLimits.definitionsChars) {
      const text = `What is told of the operations has more than ${openApiLimits.definitionsChars} characters: choose fewer.`;
      throw new Fault(text, "/operations", true);
    }
    if (operations.some(({ name }) => name === one.name)) {
      throw new Fault(`Two operations would be called ${one.name}.`, found.place);
    }
    operations.push(one);
  }
  return { operations };
}

function operationsOf(root: Fields): readonly Found[] {
  const paths = own(root, "paths");
  if (!isFields(paths)) throw new Fault("The document has no paths.", "/paths");
  return Object.entries(paths).flatMap(([path, value]) => {
    if (!path.startsWith("/")) return [];
    const { at: item, place } = resolved(root, value, `/paths/${escaped(path)}`);
    return METHODS.flatMap((method) => {
      const operation = own(item, method);
      if (!isFields(operation)) return [];
      const id = String(own(operation, "operationId") ?? "");
      return [
        { method: method.toUpperCase(), path, id, item, operation, place: `${place}/${method}` },
      ];
    });
  });
}

function chosenOf(all: readonly Found[], allowed: readonly string[]): readonly Found[] {
  const chosen = new Set<Found>();
  for (const [at, wanted] of allowed.entries()) {
    const found = all.filter((one) => isNamed(one, wanted));
    if (found.length === 0) {
      throw new Fault(`The document has no operation "${wanted}".`, `/operations/${at}`, true);
    }
    for (const one of found) chosen.add(one);
  }
  if (chosen.size > openApiLimits.operations) {
    const text = `These are ${chosen.size} operations; a record has at most ${openApiLimits.operations}.`;
    throw new Fault(text, "/operations", true);
  }
  return all.filter((one) => chosen.has(one));
}

/** By its id, or as `METHOD /path` with `*` and `**`; any method is `*`. */
function isNamed({ id, method, path }: Found, wanted: string): boolean {
  const [named = "", glob, ...more] = wanted.split(" ");
  if (glob === undefined) return wanted === id;
  if (more.length > 0 || (named !== "*" && named.toUpperCase() !== method)) return false;
  return isBelow(path.split("/"), glob.split("/"));
}

/** Of a few dozen parts: each `**` is tried at each place once. */
function isBelow(path: readonly string[], glob: readonly string[]): boolean {
  let reached: ReadonlySet<number> = new Set([0]);
  for (const part of glob) {
    const next = new Set<number>();
    for (const at of reached) {
      if (part === "**") for (let to = at; to <= path.length; to += 1) next.add(to);
      else if (at < path.length && (part === "*" || part === path[at])) next.add(at + 1);
    }
    reached = next;
  }
  return reached.has(path.length);
}

function operationOf(root: Fields, found: Found, input: ReadApi): ApiOperation {
  const { method, path, operation, place } = found;
  const of: Unfolding = { root, parts: 0 };
  const given = parametersOf(of, found);
  const body = bodyOf(of, found, given);
  const properties: Record<string, unknown> = {};
  for (const { argument, schema } of given) properties[argument] = schema;
  if (body !== null) properties[body.argument] = body.schema;
  const required = given.filter(({ isRequired }) => isRequired).map(({ argument }) => argument);
  const schema = {
    ...{ type: "object", properties, additionalProperties: false },
    required: body?.isRequired ? [...required, body.argument] : required,
  };
  const server = serverOf(root, found, input);
  const words = [own(operation, "summary"), own(operation, "description")]
    .filter((one) => typeof one === "string" && one !== "")
    .join("\n");
  const said = { name: "", title: `${method} ${path}`, description: words, schema };
  const read = readDefinition(said, new URL(server).host);
  if (!read.ok) throw new Fault(`It cannot be offered: ${read.fault}.`, place);
  const security = securityOf(root, operation, place);
  return {
    ...{ name: nameOf(found), method, path, server, ...read.definition },
    given: given.map(({ argument, name, in: where, style, explode }) => ({
      ...{ argument, name, in: where, style, explode },
    })),
    body: body && { argument: body.argument, kind: body.kind, mediaType: body.mediaType },
    ...(security !== undefined && { security }),
  };
}

function nameOf({ id, method, path }: Found): string {
  const text = id === "" ? `${method.toLowerCase()}${path.replaceAll(/[{}]/g, "")}` : id;
  const name = text.replaceAll(/[^a-zA-Z0-9_-]+/g, "_").replaceAll(/^_+|_+$/g, "");
  return name.slice(0, 64) || method.toLowerCase();
}

interface Body extends ApiBody {
  readonly schema: unknown;
  readonly isRequired: boolean;
}

const kinds = [
  ["json", /^application\/([a-z0-9.+-]+\+)?json\b/i],
  ["form", /^application\/x-www-form-urlencoded\b/i],
  ["multipart", /^multipart\/form-data\b/i],
  ["text", /^text\//i],
] as const;

function bodyOf(of: Unfolding, { operation, place }: Found, given: readonly Given[]): Body | null {
  const written = own(operation, "requestBody");
  if (written === undefined) return null;
  const { at: body, place: where } = resolved(of.root, written, `${place}/requestBody`);
  const content = own(body, "content");
  const isRequired = body["required"] === true;
  const types = isFields(content) ? Object.entries(content) : [];
  for (const [kind, pattern] of kinds) {
    const entry = types.find(([type]) => pattern.test(type));
    if (entry === undefined) continue;
    const [mediaType, media] = entry;
    const at = `${where}/content/${escaped(mediaType)}/schema`;
    const schema = isFields(media) ? schemaAt(of, own(media, "schema"), at) : {};
    const argument = given.some((one) => one.argument === "body") ? "request_body" : "body";
    return { argument, kind, mediaType, schema, isRequired };
  }
  if (!isRequired) return null;
  const text = `Its body is ${
    types
      .map(([type]) => type)
      .join(", ")
      .slice(0, 100) || "of no kind"
  }: JSON, forms and texts are sent.`;
  throw new Fault(text, `${where}/content`);
}
