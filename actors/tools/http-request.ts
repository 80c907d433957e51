// The tool http_request: a request to another machine through the egress guard. Either the model says
// where to and with what, or the configuration has an address with places in braces and the model only
// fills them. Headers of the configuration may be secrets: the model never sees them.

import type { UsedToken } from "../credentials/use.ts";
import { limits } from "../limits.ts";
import { tokenRef } from "../records/token.ts";
import { Type } from "../schema.ts";
import { outgoingTrace } from "../trace/trace-context.ts";
import type { WebAnswer } from "../web.ts";
import { unfit } from "./authorized.ts";
import {
  checkRequestConfig,
  placesOf,
  type RequestConfig,
  requestOf,
  safeMethods,
} from "./http-build.ts";
import { failure } from "./result.ts";
import type { Arguments } from "./tool.ts";
import {
  argumentsSchema,
  type ToolConfig,
  type ToolPlace,
  type ToolTerms,
  type ToolType,
} from "./tool-type.ts";

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
const headers = Type.Record(Type.String(), Type.String({ maxLength: limits.webHeaderChars }), {
  maxProperties: limits.webHeaders,
});
/** Headers of an answer that a model may want. */
const SHOWN = ["content-type", "location", "retry-after", "etag", "last-modified", "link"];

/** Type `http_request`. */
export const httpRequestTool: ToolType = {
  type: "http_request",
  config: Type.Object(
    {
      /** With places in braces behind the host, e.g. https://api.example.com/orders/{id}. */
      url: Type.Optional(text(2_000)),
      method: Type.Optional(
        Type.Union([
          ...(["GET", "HEAD", "POST"] as const).map((one) => Type.Literal(one)),
          ...(["PUT", "PATCH", "DELETE"] as const).map((one) => Type.Literal(one)),
        ]),
      ),
      /** Sent with every request; they are not shown to the model, nor sent on to another origin. */
      headers: Type.Optional(headers),
      /** Of `headers` those that nobody is shown, beside names like authorization, cookie, x-api-key. */
      secret_headers: Type.Optional(Type.Array(text(64), { maxItems: limits.webHeaders })),
      /** Token of each request: the name of an integration, or `tk_`. */
      auth: Type.Optional(tokenRef),
      /** "api.example.com", "*.example.com". Default: that of `url`, else every public one. */
      allowed_hosts: Type.Optional(
        Type.Array(text(255), { minItems: 1, maxItems: limits.webHosts }),
      ),
      /** Of an answer, default 256 KiB. */
      max_bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.webBytesMax })),
      /** Asked after a crash with the call's `{operation}`: 404 is that it did not happen. */
      reconcile_url: Type.Optional(text(2_000)),
    },
    { additionalProperties: false },
  ),
  needs: ["network"],
  granted: ["network", "read"],
  check: (config) => checkRequestConfig(config as RequestConfig),
  canReconcile: ({ reconcile_url }) => reconcile_url !== undefined,
  describe: ({ url }) =>
    url === undefined
      ? "Sends an HTTP request and gives the status and the text of the answer."
      : "Asks a service over HTTP and gives the status and the text of its answer.",
  parameters: (config) => {
    const { url } = config as RequestConfig;
    return url === undefined ? openParameters() : placeParameters(url);
  },
  make,
};

function openParameters(): Readonly<Record<string, unknown>> {
  return argumentsSchema(["url"], {
    url: { type: "string", maxLength: 2_000, description: "http or https" },
    method: { type: "string", enum: methods, description: "Default GET" },
    headers: {
      ...{ type: "object", maxProperties: limits.webHeaders },
      additionalProperties: { type: "string", maxLength: limits.webHeaderChars },
    },
    body: { type: "string", maxLength: limits.webBodyChars },
  });
}

function placeParameters(url: string): Readonly<Record<string, unknown>> {
  const places = placesOf(url);
  const place = { type: ["string", "number", "boolean"], maxLength: 2_000 };
  return argumentsSchema(places, Object.fromEntries(places.map((name) => [name, place])));
}

function make(config: ToolConfig, { context }: ToolPlace, terms: ToolTerms) {
  const own = config as RequestConfig;
  const methodOf = (given: Arguments): string =>
    own.method ?? (own.url === undefined ? String(given["method"] ?? "GET") : "GET");
  const isSafe = (given: Arguments): boolean => safeMethods.has(methodOf(given));
  const ask = (
    request: ReturnType<typeof requestOf>,
    { signal, token }: Pick<Parameters<Perform>[0], "signal" | "token">,
  ): Promise<WebAnswer> =>
    context.ports.web.request({
      ...request,
      tenant: context.tenant,
      ...(token && { auth: token.id }),
      allowedHosts: own.allowed_hosts ?? hostOfConfig(own),
      signal,
      timeoutMs: terms.timeoutMs,
      bytesMax: own.max_bytes ?? limits.webBytes,
    });
  return {
    repeat: (given: Arguments) => (isSafe(given) ? ("safe" as const) : ("never" as const)),
    refuses: (given: Arguments) => {
      const need = isSafe(given) ? "read" : "write";
      if (terms.permissions.has(need)) return null;
      return `${methodOf(given)} needs the permission "${need}", which this tool does not have.`;
    },
    perform: async ({ arguments: given, operation, ...use }: Parameters<Perform>[0]) => {
      const step = operation.slice(context.id.length + 1);
      const request = requestOf(own, methodOf(given), given, {
        ...(!isSafe(given) && { "idempotency-key": operation }),
        traceparent: outgoingTrace(context, step),
      });
      return await unfit(use.token, async () => {
        const answer = await ask(request, use);
        return { status: answer.status, result: resultOf(answer) };
      });
    },
    reconcile: async ({ operation, ...use }: Parameters<Perform>[0]) => {
      const { reconcile_url: url = "" } = own;
      try {
        const request = requestOf({ ...own, url }, "GET", { operation }, {});
        const answer = await ask(request, use);
        if (answer.status === 404) return undefined;
        if (answer.status < 300) return resultOf(answer);
        return unknownYet(`it answered ${answer.status}`);
      } catch (error) {
        return unknownYet(error instanceof Error ? error.message : "it failed");
      }
    },
  };
}

type Perform = (use: {
  readonly arguments: Arguments;
  readonly operation: string;
  readonly signal: AbortSignal;
  readonly token?: UsedToken;
}) => Promise<unknown>;

/** Told once and for all: asked again after another crash, it might be done after all. */
function unknownYet(why: string): unknown {
  const text = `The server stopped while this call was under way, and asking what became of it failed: ${why}`;
  return failure("STEP_UNKNOWN", `${text} It may have happened and was not repeated.`);
}

/** The places of an address are behind its host: the host is the configuration's. */
function hostOfConfig({ url }: RequestConfig): readonly string[] | null {
  return url === undefined ? null : [new URL(url).hostname.replace(/^\[|\]$/g, "")];
}

/** What a model is told of an answer. */
export function resultOf({ status, headers: all, body, isCut }: WebAnswer): object {
  const shown = Object.fromEntries(SHOWN.flatMap((name) => (all[name] ? [[name, all[name]]] : [])));
  return {
    status,
    headers: shown,
    body: body === null ? null : parsed(body, isCut),
    ...(body === null && { note: "The body is no text and is left out." }),
    ...(isCut && { note: "The body is longer: this is its beginning." }),
  };
}

/** JSON as what it is: as a text within a result it would be all escapes. */
function parsed(body: string, isCut: boolean): unknown {
  if (isCut || !/^\s*[[{]/.test(body)) return body;
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return body;
  }
}
