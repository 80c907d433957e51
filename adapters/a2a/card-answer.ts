// A card as it is answered: in the form of the version that the client speaks, with what it may be kept by.

import { createHash } from "node:crypto";
import { AgentCard } from "@a2a-js/sdk";
import { LegacyRestTransportHandler } from "@a2a-js/sdk/compat/v0_3/server";
import { ServerCallContext } from "@a2a-js/sdk/server";
import { jsonText } from "../http/reply.ts";
import type { HttpRequest, HttpResponse } from "../http/server.ts";
import { cardOf } from "./card.ts";
import { type Call, createHandler } from "./handler.ts";

/** A client keeps a card this long, seconds; then it asks whether it has changed. */
const MAX_AGE_S = 60;

/** The card, or 304 when the client has it. @param version that of A2A; any but 1.0 is shown as 0.3. */
export async function answerCard(
  call: Omit<Call, "version">,
  version: string,
  request: HttpRequest,
): Promise<HttpResponse> {
  const body = JSON.stringify(await shownCard(call, version));
  const tag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  const headers = {
    ETag: tag,
    // It is shown to keys of its tenant alone: no cache between may keep it for others.
    "Cache-Control": `private, max-age=${MAX_AGE_S}`,
    Vary: "A2A-Version, Authorization, X-API-Key",
  };
  const known = request.header("if-none-match")?.split(",") ?? [];
  if (known.some((one) => one.trim().replace(/^W\//, "") === tag)) {
    return { status: 304, headers, body: "" };
  }
  return jsonText(200, body, headers);
}

async function shownCard(call: Omit<Call, "version">, version: string): Promise<unknown> {
  if (version === "1.0") return AgentCard.toJSON(cardOf(call.target, call.base));
  const handler = createHandler({ ...call, version: "0.3" });
  // The SDK turns cards into those of 0.3 only where it answers with the extended one.
  const own = { ...handler, getAuthenticatedExtendedAgentCard: handler.getAgentCard };
  const context = new ServerCallContext({ requestedVersion: "0.3" });
  return await new LegacyRestTransportHandler(own).getAuthenticatedExtendedAgentCard(context);
}
