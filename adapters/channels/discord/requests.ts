// The interactions endpoint: verified over the bytes before anything is read of them, answered within the three
// seconds that Discord waits.

import type { KeyObject } from "node:crypto";
import { RuntimeError } from "../../../runtime/errors.ts";
import { parseJson } from "../../http/body.ts";
import type { ChannelRequest, ChannelResponse, ChannelRoute, Handled } from "../adapter.ts";
import { refusal } from "../answer.ts";
import type { SealedTexts } from "../sealed-text.ts";
import { fieldsOf } from "../sent-json.ts";
import { withSealedToken } from "./interaction-tokens.ts";
import { readInteraction } from "./interactions.ts";
import { discordLimits } from "./limits.ts";
import { isSigned } from "./verify.ts";

/** What requests are read with. */
export interface RequestParts {
  readonly keys: readonly KeyObject[];
  readonly nackText: string;
  readonly nowMs: () => number;
  readonly sealed: SealedTexts;
}

/** The routes of an account. */
export function discordRoutes(parts: RequestParts): ChannelRoute[] {
  const handle = (request: ChannelRequest) => handleRequest(request, parts);
  return ["", "/interactions"].map((path) => ({
    ...{ method: "POST" as const, path, handle },
    bodyMax: discordLimits.requestBytes,
  }));
}

async function handleRequest(
  request: ChannelRequest,
  { keys, nackText, nowMs, sealed }: RequestParts,
): Promise<Handled> {
  const now = nowMs();
  if (!isSigned(request, keys, now)) {
    return refusal(401, "The request is not signed with this application's key, or not lately.");
  }
  try {
    const body = fieldsOf(parseJson(request.body));
    const read = body === null ? null : readInteraction(body, nackText, now);
    if (read === null) return refusal(400, "The body is no interaction.");
    return {
      events: read.event === null ? [] : [await withSealedToken(read.event, sealed)],
      ack: jsonResponse(read.ack),
      ...(read.nack !== undefined && { nack: jsonResponse(read.nack) }),
    };
  } catch (error) {
    if (error instanceof RuntimeError) return refusal(400, error.message);
    throw error;
  }
}

/** An answer as Discord reads it. */
export function jsonResponse(value: object): ChannelResponse {
  return { status: 200, contentType: "application/json", body: JSON.stringify(value) };
}
