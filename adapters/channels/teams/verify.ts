// Whether a request is the Bot Connector's: a token of its that names this app, this service and a key that may
// sign for the channel (learn.microsoft.com: Authenticate requests from the Bot Connector service).

import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import { type Fields, memberOf, textIn } from "../sent-json.ts";
import type { SigningKey, SigningKeys } from "./keys.ts";
import { teamsLimits } from "./limits.ts";

/** What is expected of a token. */
export interface Expected {
  readonly keys: SigningKeys;
  readonly issuer: string;
  readonly appId: string;
  readonly nowMs: () => number;
}

/** A token that holds: its claims, and the key it was signed with. */
export interface Proof {
  readonly claims: JWTPayload;
  readonly key: SigningKey;
}

/** Verifies a request's Authorization; null: it proves nothing. "unreachable": nobody could be asked for keys. */
export async function proofOf(
  authorization: string | undefined,
  { keys, issuer, appId, nowMs }: Expected,
): Promise<Proof | null | "unreachable"> {
  const [, token] = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? "") ?? [];
  if (token === undefined || token.length > teamsLimits.tokenChars) return null;
  const id = keyIdOf(token);
  if (id === null) return null;
  const key = await keys.find(id);
  if (key === null || key === "unreachable") return key;
  try {
    const { payload } = await jwtVerify(token, key.key, {
      ...{ issuer, audience: appId, algorithms: ["RS256"], requiredClaims: ["exp"] },
      ...{ clockTolerance: teamsLimits.toleranceS, currentDate: new Date(nowMs()) },
    });
    return { claims: payload, key };
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

/** Whether what was proved is about this activity: the service it names, and the channel. */
export function isAbout({ claims, key }: Proof, activity: Fields): boolean {
  const service = textIn(activity, "serviceUrl", 1_000);
  const claimed = memberOf(claims, "serviceurl");
  if (service === null || typeof claimed !== "string") return false;
  const channel = textIn(activity, "channelId", 100);
  if (channel === null || !key.endorsements.includes(channel)) return false;
  return withoutSlash(service) === withoutSlash(claimed);
}

const withoutSlash = (url: string) => url.replace(/\/$/, "");

/** The id of the key, of a token that is signed as it must be; null for any other. */
function keyIdOf(token: string): string | null {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    return alg === "RS256" && typeof kid === "string" && kid.length <= 200 ? kid : null;
  } catch (error) {
    if (error instanceof TypeError || error instanceof errors.JOSEError) return null;
    throw error;
  }
}
