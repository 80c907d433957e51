// OpenAPI documents for tests: a small shop, with what a test puts in its place.

import {
  type Api,
  type ApiOperation,
  type ApiRead,
  openApiLimits,
} from "../../actors/openapi/api.ts";
import { readApi } from "../../adapters/openapi/operations.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A document with these operations. */
export function documentOf(paths: object, more: object = {}): Fields {
  const servers = [{ url: "https://shop.example/v1" }];
  return { openapi: "3.1.0", info: { title: "Shop", version: "1" }, servers, paths, ...more };
}

/** A document with one operation, GET /things/{id} unless said otherwise. */
export function oneOperation(
  operation: object,
  { path = "/things", method = "get", ...more }: Fields = {},
): Fields {
  return documentOf(
    { [String(path)]: { [String(method)]: { operationId: "one", ...operation } } },
    more,
  );
}

/** What is read of it. */
export async function readOf(document: object | string, more: object = {}): Promise<ApiRead> {
  const text = typeof document === "string" ? document : JSON.stringify(document);
  return await readApi({ text, operations: ["one"], ...more });
}

/** Its only operation. @throws with what is wrong. */
export async function operationOf(
  document: object | string,
  more: object = {},
): Promise<ApiOperation> {
  const read = await readOf(document, more);
  if (!read.ok) throw new Error(`${read.place}: ${read.message}`);
  const [one] = (read.api satisfies Api).operations;
  if (one === undefined) throw new Error("There is none.");
  return one;
}

/** Why it is refused, and where. */
export async function refusalOf(document: object | string, more: object = {}): Promise<string> {
  const read = await readOf(document, more);
  return read.ok ? "taken" : `${read.isConfig ? "config" : ""}${read.place}: ${read.message}`;
}

/** A schema whose references unfold to 2^n parts. */
export function bombOf(levels: number): { schemas: Fields; first: string } {
  const schemas = Object.fromEntries(
    Array.from({ length: levels }, (_, at) => {
      const next = { $ref: `#/components/schemas/S${at + 1}` };
      return [`S${at}`, { type: "object", properties: { a: next, b: next } }];
    }),
  );
  return {
    schemas: { ...schemas, [`S${levels}`]: { type: "string" } },
    first: "#/components/schemas/S0",
  };
}

/** More than a document may have. */
export const tooLong = `openapi: 3.1.0
x: ${"x".repeat(openApiLimits.yamlChars)}`;
