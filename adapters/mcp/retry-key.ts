// Calls that their clients may send again: under a key a call is one run, however often it comes.

import type { ServerContext } from "@modelcontextprotocol/server";
import { RuntimeError } from "../../runtime/errors.ts";
import type { RouteContext } from "../http/route.ts";
import { type OnceKey, onceKey, onceKeyOf } from "../http/services/once.ts";
import type { McpCall } from "./call.ts";

/** Where a message names its own key; it goes before the header, which is one for a whole request. */
const NAME = "io.modelcontextprotocol/idempotencyKey";
const POINTER = `/params/_meta/${NAME.replace("/", "~1")}`;

/** The header's, of a request of any method. @throws INVALID when it is empty or too long. */
export function headerKeyOf({ request, bodyBytes }: RouteContext): string | null {
  return onceKeyOf(request, bodyBytes)?.key ?? null;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The key of a call; null when it has none.
 * @throws INVALID for one that is no text of 1 to 255 characters, or the header with several calls.
 */
export function retryKeyOf(
  { calls, retryKey }: McpCall,
  { mcpReq }: Pick<ServerContext, "mcpReq">,
  of: { readonly name: string; readonly args: Fields },
): OnceKey | null {
  const own = { ...(mcpReq.envelope as Fields | undefined), ...mcpReq._meta }[NAME];
  const key = own ?? retryKey;
  if (key === null) return null;
  if (typeof key !== "string") {
    throw new RuntimeError("INVALID", `_meta["${NAME}"] is a text.`, { pointer: POINTER });
  }
  if (own === undefined && calls > 1) {
    const text = `The header Idempotency-Key is of one call, and here are ${calls}: give each its _meta["${NAME}"].`;
    throw new RuntimeError("INVALID", text, { pointer: POINTER });
  }
  // Ids of requests and tokens of progress are others in a retry.
  return onceKey(key, JSON.stringify([of.name, of.args]));
}
