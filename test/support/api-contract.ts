// Holds a front door to its own description: every JSON answer is compared with what /openapi.json
// says of its route and status. An answer that is described nowhere is refused too.

import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { openApiDocument } from "../../adapters/http/openapi/document.ts";
import { createRouteTable, type Route } from "../../adapters/http/route.ts";

/** An answer as it came. */
export interface SeenAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Compares answers with a description. */
export interface ApiContract {
  /** @throws Error naming the route and what is wrong with the answer. */
  check(method: string, path: string, answer: SeenAnswer): void;
}

type Content = Readonly<Record<string, { readonly schema: object }>>;

/** The contract of a table. Routes that do not say what they answer are held to their errors only. */
export function createApiContract(routes: readonly Route[]): ApiContract {
  const table = createRouteTable(routes);
  const { paths, components } = openApiDocument(routes, { version: "0.0.0" });
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  const checkers = new Map<string, ValidateFunction>();
  const shared = components.responses as Readonly<Record<string, { readonly content: Content }>>;
  return {
    check: (method, path, { status, headers, body }) => {
      const match = table.match(method, path.split("?", 1)[0] ?? "");
      if (match.type !== "route") return;
      const { route } = match;
      if (status < 400 && route.responses === undefined) return;
      const name = `${route.method} ${route.pattern}`;
      const said = paths[route.pattern]?.[route.method.toLowerCase()]?.responses ?? {};
      const which = status in said || status < 400 ? String(status) : "default";
      const found = said[which];
      if (found === undefined)
        throw new Error(`${name} answered ${status}, which is not described.`);
      const { $ref } = found as { readonly $ref?: string };
      const { content } = $ref === undefined ? found : (shared[$ref.split("/").at(-1) ?? ""] ?? {});
      const type = headers.get("content-type")?.split(";", 1)[0] ?? "";
      const schema = (content as Content | undefined)?.[type]?.schema;
      if (schema === undefined) {
        if (body === null && content === undefined) return;
        throw new Error(
          `${name} answered ${status} with ${type || "no body"}, which is not described.`,
        );
      }
      const key = `${name} ${which} ${type}`;
      const fits = checkers.get(key) ?? ajv.compile({ allOf: [schema], components });
      checkers.set(key, fits);
      if (fits(body)) return;
      const wrong = (fits.errors ?? [])
        .slice(0, 5)
        .map(
          ({ instancePath, message, params }) =>
            `${instancePath} ${message} ${JSON.stringify(params)}`,
        );
      throw new Error(`${key} is not what is described: ${wrong.join("; ")}`);
    },
  };
}
