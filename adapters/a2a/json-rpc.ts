// The JSON-RPC binding: the SDK's own transport handlers, of 1.0 and of 0.3, over our handler.

import { LegacyJsonRpcTransportHandler } from "@a2a-js/sdk/compat/v0_3/server";
import { toJsonRpcError, VersionNotSupportedError } from "@a2a-js/sdk/errors";
import { JsonRpcTransportHandler, ServerCallContext } from "@a2a-js/sdk/server";
import { json } from "../http/reply.ts";
import type { HttpResponse } from "../http/server.ts";
import { isProtocolError, withProtocolErrors } from "./errors.ts";
import { streamed } from "./event-stream.ts";
import { type Call, createHandler } from "./handler.ts";

/** A request, its envelope checked. */
export interface RpcRequest {
  readonly jsonrpc: string;
  readonly method: string;
  readonly id?: string | number | null;
  readonly params?: unknown;
}

/** Answers one. @throws what the protocol has no word for. */
export async function answerRpc(
  call: Omit<Call, "version">,
  version: string,
  request: RpcRequest,
): Promise<HttpResponse> {
  const { id = null } = request;
  const failed = (error: unknown) => ({ jsonrpc: "2.0", id, error: toJsonRpcError(error) });
  if (version !== "1.0" && version !== "0.3") {
    const known = "The versions of A2A that are spoken here are 1.0 and 0.3.";
    return json(200, failed(new VersionNotSupportedError(known)));
  }
  const { handler, failure } = withProtocolErrors(createHandler({ ...call, version }));
  const context = new ServerCallContext({ requestedVersion: version });
  const Transport = version === "1.0" ? JsonRpcTransportHandler : LegacyJsonRpcTransportHandler;
  const answer = await new Transport(handler).handle({ ...request }, context);
  if (failure() !== undefined) throw failure();
  if (!(Symbol.asyncIterator in answer)) return json(200, answer);
  try {
    return await streamed(answer, (event) => event, failed);
  } catch (error) {
    if (isProtocolError(error)) return json(200, failed(error));
    throw error;
  }
}
