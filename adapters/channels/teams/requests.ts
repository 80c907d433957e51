// The messaging endpoint: what comes is believed when its token is proved and is about this very activity.

import { RuntimeError } from "../../../runtime/errors.ts";
import { parseJson } from "../../http/body.ts";
import type { ChannelRequest, ChannelResponse, ChannelRoute, Handled } from "../adapter.ts";
import { refusal } from "../answer.ts";
import { type Fields, fieldsOf, textIn } from "../sent-json.ts";
import { type EventParts, readActivity } from "./events.ts";
import { isServiceAddress } from "./hosts.ts";
import { teamsLimits } from "./limits.ts";
import { tenantOf } from "./place.ts";
import { type Expected, isAbout, proofOf } from "./verify.ts";

/** What requests are read with. */
export interface RequestParts extends Expected, EventParts {
  /** Directories that are heard; undefined: all. */
  readonly tenants: readonly string[] | undefined;
}

/** The one channel that this adapter is for. */
const CHANNEL = "msteams";
const TAKEN: ChannelResponse = { status: 202 };
/** Of a press Teams shows an error unless it is answered with this. */
const PRESSED: ChannelResponse = {
  ...{ status: 200, contentType: "application/json" },
  body: JSON.stringify({
    ...{ statusCode: 200, type: "application/vnd.microsoft.activity.message", value: "" },
  }),
};

/** The routes of an account. */
export function teamsRoutes(parts: RequestParts): ChannelRoute[] {
  const handle = (request: ChannelRequest) => handleRequest(request, parts);
  return ["", "/messages"].map((path) => ({
    ...{ method: "POST" as const, path, handle },
    bodyMax: teamsLimits.requestBytes,
  }));
}

async function handleRequest(request: ChannelRequest, parts: RequestParts): Promise<Handled> {
  const proof = await proofOf(request.headers["authorization"], parts);
  if (proof === "unreachable") {
    const text = "The keys of the Bot Connector could not be fetched: nothing can be verified now.";
    const headers = { "retry-after": "30" };
    return { refused: { status: 503, headers, body: text } };
  }
  if (proof === null) return refusal(401, "The token is none of the Bot Connector's for this app.");
  try {
    const activity = fieldsOf(parseJson(request.body));
    if (activity === null) return refusal(400, "The body is JSON, but no activity.");
    if (!isAbout(proof, activity)) {
      return refusal(401, "The token is about another service or channel than the activity.");
    }
    return handleActivity(activity, parts);
  } catch (error) {
    if (error instanceof RuntimeError) return refusal(400, error.message);
    throw error;
  }
}

function handleActivity(activity: Fields, parts: RequestParts): Handled {
  if (textIn(activity, "channelId", 100) !== CHANNEL) {
    return refusal(403, "This account hears Microsoft Teams, and no other channel.");
  }
  if (!isServiceAddress(textIn(activity, "serviceUrl", 1_000) ?? "", parts.serviceHosts)) {
    return refusal(403, "The activity's serviceUrl is none of Microsoft's, nor in service_hosts.");
  }
  const isInvoke = textIn(activity, "type", 40) === "invoke";
  const ack = isInvoke ? PRESSED : TAKEN;
  const { tenants } = parts;
  if (tenants !== undefined && !tenants.includes(tenantOf(activity) ?? "")) {
    return { events: [], ack };
  }
  const event = readActivity(activity, parts);
  return { events: event === null ? [] : [event], ack };
}
