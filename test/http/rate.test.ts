// Rates of keys and of wrong keys, by a clock that nobody sets.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { principalOfAdmin } from "../../adapters/http/auth.ts";
import { createRateLimiter } from "../../adapters/http/rate.ts";
import { createSessions } from "../../adapters/http/sessions.ts";

const HOUR_MS = 3_600_000;
const operator = principalOfAdmin("tn_1");

const shown = Date.now;
let skewMs = 0;
beforeEach(() => {
  skewMs = 0;
  vi.spyOn(Date, "now").mockImplementation(() => shown() + skewMs);
});
afterEach(() => vi.restoreAllMocks());

function setClock(byMs: number): void {
  skewMs += byMs;
}

test("a key is not refused because the clock was set back", () => {
  const rates = createRateLimiter({ perSecond: 10, burst: 10 });
  rates.take("ak_1");

  setClock(-HOUR_MS);

  expect(rates.take("ak_1")).toMatchObject({ limit: 10, remaining: 8 });
});

test("a session lasts as long as it should, whatever the clock shows", () => {
  const sessions = createSessions(HOUR_MS);
  const cookie = sessions.open(sessions.createCode(operator)) ?? undefined;

  setClock(24 * HOUR_MS);

  expect(sessions.find(cookie)?.isServer).toBe(true);
});
