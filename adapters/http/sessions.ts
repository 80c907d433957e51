// Sessions of the browser page: a one-time link signs in, an HttpOnly SameSite=Strict cookie stays.
// They live in memory: after a restart the operator opens the newly printed link.

import { createHash, randomBytes } from "node:crypto";
import type { Principal } from "./route.ts";

/** Links and sessions remembered at once; past it the oldest is forgotten. */
export const SESSIONS_MAX = 1_000;
/** Life of a sign-in link, ms. */
export const LOGIN_CODE_MS = 10 * 60_000;

const COOKIE = "troupe_session";

/** Browser sessions. */
export interface Sessions {
  /** A code for `/login?code=`; works once within `LOGIN_CODE_MS`. */
  createCode(principal: Principal): string;
  /** Takes a code; the Set-Cookie value of the session it opens, or null. */
  open(code: string): string | null;
  /** Who a Cookie header speaks for, or null. */
  find(cookieHeader: string | undefined): Principal | null;
  /** Ends the session of a Cookie header. */
  end(cookieHeader: string | undefined): void;
}

interface Entry {
  readonly principal: Principal;
  readonly untilMs: number;
}

/** @param sessionMs life of a session. */
export function createSessions(sessionMs: number, now = () => performance.now()): Sessions {
  const codes = new Map<string, Entry>();
  const sessions = new Map<string, Entry>();
  return {
    createCode: (principal) => {
      const code = randomBytes(24).toString("base64url");
      keep(codes, code, { principal, untilMs: now() + LOGIN_CODE_MS });
      return code;
    },
    open: (code) => {
      const entry = codes.get(digest(code));
      codes.delete(digest(code));
      if (entry === undefined || entry.untilMs < now()) return null;
      const token = randomBytes(32).toString("base64url");
      const principal: Principal = { ...entry.principal, via: "cookie" };
      keep(sessions, token, { principal, untilMs: now() + sessionMs });
      const seconds = Math.floor(sessionMs / 1_000);
      return `${COOKIE}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}`;
    },
    find: (cookieHeader) => {
      const token = tokenOf(cookieHeader);
      const entry = token === null ? undefined : sessions.get(digest(token));
      return entry === undefined || entry.untilMs < now() ? null : entry.principal;
    },
    end: (cookieHeader) => {
      const token = tokenOf(cookieHeader);
      if (token !== null) sessions.delete(digest(token));
    },
  };
}

// Kept by digest, so that neither a look-up's time nor a memory dump gives a usable value.
function digest(value: string): string {
  return createHash("sha256").update(value).digest("base64");
}

function keep(entries: Map<string, Entry>, value: string, entry: Entry): void {
  if (entries.size >= SESSIONS_MAX) {
    const first = entries.keys().next().value;
    if (first !== undefined) entries.delete(first);
  }
  entries.set(digest(value), entry);
}

function tokenOf(cookieHeader: string | undefined): string | null {
  for (const part of cookieHeader?.split(/[;,]/) ?? []) {
    const [name, value] = part.trim().split("=", 2);
    if (name === COOKIE && value !== undefined && value !== "") return value;
  }
  return null;
}
