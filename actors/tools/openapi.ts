// The operations of a service that an OpenAPI document describes: one record is several tools, those of its list. What
// the document says is data of a stranger; where it sends and with which secrets is the record's.

import { createHash } from "node:crypto";
import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { type ApiOperation, openApiLimits } from "../openapi/api.ts";
import { type ApiSource, offeredOperations } from "../openapi/offered.ts";
import { apiRequest } from "../openapi/request.ts";
import { tokenRef } from "../records/token.ts";
import { Type } from "../schema.ts";
import { outgoingTrace } from "../trace/trace-context.ts";
import { unfit } from "./authorized.ts";
import { checkRequestConfig, safeMethods } from "./http-build.ts";
import { resultOf } from "./http-request.ts";
import type { StepTool } from "./tool.ts";
import {
  argumentsSchema,
  type ManyPlace,
  type ToolConfig,
  type ToolPlace,
  type ToolTerms,
  type ToolType,
} from "./tool-type.ts";

const NAME_CHARS = 64;
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });

interface OpenApiConfig extends ApiSource {
  readonly headers?: Readonly<Record<string, string>>;
  readonly prefix?: boolean;
  readonly max_bytes?: number;
}

/** What `make` is given of the one tool that it makes. */
interface MadeConfig extends OpenApiConfig {
  readonly of: ApiOperation;
}

/** Type `openapi`. */
export const openApiTool: ToolType = {
  type: "openapi",
  config: Type.Object(
    {
      /** JSON or YAML, OpenAPI 3.0 or 3.1. */
      document: Type.Optional(text(openApiLimits.documentChars)),
      /** In its place: where it is. It is read when a version of the record is first used; saved again, it is read again. */
      url: Type.Optional(text(2_000)),
      /** Operation ids, or `GET /orders/*`: `*` is one part of a path, `**` any, and `*` for any method. */
      operations: Type.Array(text(openApiLimits.allowedChars), {
        ...{ minItems: 1, maxItems: openApiLimits.allowed },
      }),
      /** Where operations are asked, in place of the document's servers. */
      server: Type.Optional(text(2_000)),
      /** Sent with every request; nobody is shown those that are secret. */
      headers: Type.Optional(
        Type.Record(Type.String(), Type.String({ maxLength: limits.webHeaderChars }), {
          maxProperties: limits.webHeaders,
        }),
      ),
      secret_headers: Type.Optional(Type.Array(text(64), { maxItems: limits.webHeaders })),
      /** Token of each request: the name of an integration, or `tk_`. Where it goes the document's security says. */
      auth: Type.Optional(tokenRef),
      /** Whether models know the tools by the record's name and theirs (`shop_listOrders`). Default true. */
      prefix: Type.Optional(Type.Boolean()),
      /** Of an answer, default 256 KiB. */
      max_bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.webBytesMax })),
    },
    { additionalProperties: false },
  ),
  needs: ["network"],
  granted: ["network", "read"],
  check: (config) => checkConfig(config as unknown as OpenApiConfig),
  describe: () => "",
  parameters: () => argumentsSchema([], {}),
  list,
  make,
};

function checkConfig(config: OpenApiConfig): void {
  const { document, url, server } = config;
  if ((document === undefined) === (url === undefined)) {
    const said = "Either document is the document, or url says where it is.";
    throw new RuntimeError("INVALID", said, { pointer: document === undefined ? "" : "/url" });
  }
  const headers = config.headers === undefined ? {} : { headers: config.headers };
  checkRequestConfig({ ...headers, ...(url !== undefined && { url }) });
  for (const [name, address] of Object.entries({ url, server })) {
    const isPlain = address === undefined || (URL.canParse(address) && !address.includes("{"));
    if (isPlain) continue;
    throw new RuntimeError("INVALID", "It is no address.", { pointer: `/${name}` });
  }
}

/** A document that cannot be had ends no run: there are no such tools in it. */
async function list(config: ToolConfig, { context, key, id, version, name }: ManyPlace) {
  const own = config as unknown as OpenApiConfig;
  const api = await offeredOperations(context, { key, id, version, source: own }).catch(
    (error: unknown) => {
      if (!(error instanceof RuntimeError) || context.signal.aborted) throw error;
      return { operations: [] };
    },
  );
  return api.operations.map((of) => {
    const prefixed = `${name}_${of.name}`;
    const isPrefixed = own.prefix !== false && prefixed.length <= NAME_CHARS;
    const { description, parameters } = of;
    return {
      ...{ name: isPrefixed ? prefixed : of.name, description, parameters },
      // Of the document a call needs no more than its own operation.
      config: { ...config, document: "", of },
    };
  });
}

function make(config: ToolConfig, { context }: ToolPlace, terms: ToolTerms) {
  const { of, headers: own = {}, max_bytes } = config as unknown as MadeConfig;
  const isReading = safeMethods.has(of.method);
  const need = isReading ? "read" : "write";
  const { security } = of;
  const perform: StepTool["perform"] = async ({ arguments: given, operation, signal, token }) => {
    const boundary = `part-${createHash("sha256").update(operation).digest("hex").slice(0, 32)}`;
    const { url, method, headers, body } = apiRequest(of, given, boundary);
    const step = operation.slice(context.id.length + 1);
    const fixed = Object.entries(own).map(([name, value]) => [name.toLowerCase(), value]);
    return await unfit(token, async () => {
      const answer = await context.ports.web.request({
        ...{ tenant: context.tenant, url, method, signal },
        headers: {
          accept: "application/json, text/*;q=0.9",
          ...headers,
          ...(!isReading && { "idempotency-key": operation }),
          traceparent: outgoingTrace(context, step),
          // What the configuration says stands.
          ...Object.fromEntries(fixed),
        },
        ...(body !== undefined && { body }),
        // An operation that asks for none is given none.
        ...(token && security !== null && { auth: token.id }),
        ...(security && { authAs: security }),
        allowedHosts: [new URL(of.server).hostname.replace(/^\[|\]$/g, "")],
        ...{ timeoutMs: terms.timeoutMs, bytesMax: max_bytes ?? limits.webBytes },
      });
      return { status: answer.status, result: resultOf(answer) };
    });
  };
  return {
    repeat: isReading ? ("safe" as const) : ("never" as const),
    refuses: () => {
      if (terms.permissions.has(need)) return null;
      return `${of.method} needs the permission "${need}", which this tool does not have.`;
    },
    perform,
  };
}
