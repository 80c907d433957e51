// When a token is due to be renewed: in time, not all at once, and not what nobody uses or nobody can renew.

import { expect, test } from "vitest";
import { IDLE_MS_MAX, isIdle, renewalDueMs } from "../../../actors/credentials/renewal-time.ts";
import type { Token } from "../../../actors/records/token.ts";

const MINUTE_MS = 60_000;
const NOW_MS = Date.parse("2026-03-01T00:00:00Z");
const at = (ms: number): string => new Date(NOW_MS + ms).toISOString();
const token = (more: Partial<Token> = {}): Token => ({
  ...{ id: "tk_1", integration: "things", user_key: "ann", type: "oauth2", scopes: [] },
  ...{ allowed_hosts: null, status: "active", error: null, expires_at: at(60 * MINUTE_MS) },
  ...{
    can_refresh: true,
    account_label: null,
    generation: 1,
    created_at: at(0),
    updated_at: at(0),
  },
  ...more,
});
const beforeEnd = (of: Token): number | null => {
  const due = renewalDueMs(of, NOW_MS);
  return due === null ? null : Date.parse(of.expires_at ?? "") - due;
};

test("a token of an hour is due from ten to five minutes before its end, each at a time of its own", () => {
  const lefts = Array.from({ length: 200 }, (_, n) => beforeEnd(token({ id: `tk_${n}` })) ?? 0);
  expect(Math.min(...lefts)).toBeGreaterThanOrEqual(5 * MINUTE_MS);
  expect(Math.max(...lefts)).toBeLessThanOrEqual(10 * MINUTE_MS);
  const buckets = new Set(lefts.map((left) => Math.floor(left / 30_000)));
  expect(buckets.size).toBe(10);
  expect(beforeEnd(token())).toBe(beforeEnd(token()));
  expect(beforeEnd(token())).not.toBe(beforeEnd(token({ generation: 2 })));
});

test("one that lives ten minutes is due within the last two fifths, one of less than two is never", () => {
  const left = beforeEnd(token({ expires_at: at(10 * MINUTE_MS) })) ?? 0;
  expect(left).toBeGreaterThanOrEqual(2 * MINUTE_MS);
  expect(left).toBeLessThanOrEqual(4 * MINUTE_MS);
  const short = beforeEnd(token({ expires_at: at(2 * MINUTE_MS) })) ?? 0;
  expect(short).toBeGreaterThanOrEqual(30_000);
  expect(short).toBeLessThanOrEqual(60_000);
  expect(beforeEnd(token({ expires_at: at(2 * MINUTE_MS - 1) }))).toBeNull();
});

test("what has no end, cannot be renewed or is not active is never due", () => {
  expect(beforeEnd(token({ expires_at: null }))).toBeNull();
  expect(beforeEnd(token({ can_refresh: false }))).toBeNull();
  expect(beforeEnd(token({ status: "auth_required" }))).toBeNull();
  expect(beforeEnd(token({ expires_at: at(-1) }))).toBeNull();
});

test("a token that nobody has used for thirty days is idle, one that was used since is not", () => {
  const old = token({ created_at: at(-IDLE_MS_MAX - 1) });
  expect(isIdle(old, null, NOW_MS)).toBe(true);
  expect(isIdle(old, at(-MINUTE_MS), NOW_MS)).toBe(false);
  expect(isIdle(old, at(-IDLE_MS_MAX - 1), NOW_MS)).toBe(true);
  expect(isIdle(token({ created_at: at(-IDLE_MS_MAX) }), null, NOW_MS)).toBe(false);
});
