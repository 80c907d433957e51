// Who is at the other end: an anonymous visitor whom we gave a number, or a user of the embedding site, for
// whom its server signed a token. Either has a ticket of ours, short, for one origin, given anew as long as
// its holder comes back; a user's only with another user token, because only the site knows who is signed in.

import { randomBytes } from "node:crypto";
import { RuntimeError } from "../../../runtime/errors.ts";
import { makeToken, readToken } from "../signed-token.ts";
import { webChatLimits } from "./limits.ts";
import type { WebChatRules } from "./settings.ts";

/** A visitor. */
export interface Visitor {
  /** `v_` and a random number, or `u_` and the site's own id. */
  readonly id: string;
  readonly name: string | null;
}

/** What is asked for with. */
export interface TicketRequest {
  readonly token: string | undefined;
  readonly userToken: string | undefined;
  readonly origin: string;
  readonly nowMs: number;
}

const PURPOSE = "web chat ticket";
const VISITOR_BYTES = 16;
const USER_CHARS = 200;
const ALGORITHMS = ["HS256", "HS384", "HS512"];

/** Who asks for a ticket; `isNew`: somebody who was not here. @throws UNAUTHENTICATED with what is wrong. */
export async function knownVisitor(
  { token, userToken, origin, nowMs }: TicketRequest,
  rules: WebChatRules,
): Promise<{ readonly visitor: Visitor; readonly untilS: number; readonly isNew: boolean }> {
  const nowS = Math.floor(nowMs / 1_000);
  if (userToken !== undefined) {
    const { visitor, expS } = await userOf(userToken, rules, nowMs);
    return { visitor, untilS: Math.min(expS, nowS + webChatLimits.ticketS), isNew: false };
  }
  if (!rules.isAnonymous)
    throw unknown("This chat is for signed-in users: a user_token is needed.");
  const untilS = nowS + webChatLimits.ticketS;
  const facts = token === undefined ? null : readToken(PURPOSE, token, rules.secrets);
  const isBack =
    facts !== null &&
    facts["origin"] === origin &&
    String(facts["id"]).startsWith("v_") &&
    nowS - Number(facts["fromS"]) <= rules.visitorS;
  const id = isBack ? String(facts["id"]) : `v_${randomBytes(VISITOR_BYTES).toString("base64url")}`;
  return { visitor: { id, name: null }, untilS, isNew: !isBack };
}

/** A ticket. */
export function makeTicket(
  { id, name }: Visitor,
  of: { readonly origin: string; readonly untilS: number; readonly nowMs: number },
  rules: WebChatRules,
): string {
  const facts = {
    id,
    name,
    origin: of.origin,
    fromS: Math.floor(of.nowMs / 1_000),
    untilS: of.untilS,
  };
  return makeToken(PURPOSE, facts, rules.secrets);
}

/** Whose ticket it is. @throws UNAUTHENTICATED when it is not ours, of another origin, or over. */
export function visitorOf(
  token: string,
  of: { readonly origin: string; readonly nowMs: number },
  rules: WebChatRules,
): Visitor {
  const facts = readToken(PURPOSE, token, rules.secrets);
  if (facts === null || facts["origin"] !== of.origin)
    throw unknown("The ticket is not one of this page.");
  if (Number(facts["untilS"]) * 1_000 <= of.nowMs)
    throw unknown("The ticket is over; /session gives another.");
  const { name } = facts;
  return { id: String(facts["id"]), name: typeof name === "string" ? name : null };
}

async function userOf(
  token: string,
  { userSecrets, issuer, audience }: WebChatRules,
  nowMs: number,
): Promise<{ readonly visitor: Visitor; readonly expS: number }> {
  const { jwtVerify } = await import("jose");
  for (const secret of userSecrets) {
    const verified = await jwtVerify(token, secret, {
      algorithms: ALGORITHMS,
      requiredClaims: ["sub", "exp"],
      currentDate: new Date(nowMs),
      clockTolerance: webChatLimits.clockS,
      ...(issuer !== null && { issuer }),
      ...(audience !== null && { audience }),
    }).catch(() => null);
    if (verified === null) continue;
    const { sub = "", exp = 0, name } = verified.payload;
    if (sub === "" || sub.length > USER_CHARS) {
      throw unknown(`A user token's sub has 1 to ${USER_CHARS} characters.`);
    }
    const shown = typeof name === "string" && name !== "" ? name.slice(0, USER_CHARS) : null;
    // A little late is still in time, and then the ticket is as short as that.
    const expS = Math.max(exp, Math.floor(nowMs / 1_000) + webChatLimits.clockS);
    return { visitor: { id: `u_${sub}`, name: shown }, expS };
  }
  throw unknown(
    "The user token is not signed with this account's secret, is over, or is for another.",
  );
}

function unknown(message: string): RuntimeError {
  return new RuntimeError("UNAUTHENTICATED", message);
}
