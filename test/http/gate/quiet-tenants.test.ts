// How long quiet tenants hold the others back.

import { expect, test } from "vitest";
import {
  HELD_MS_MAX,
  HELD_SAVED_MS_MAX,
  HELD_SHARE,
  QuietTenants,
} from "../../../adapters/http/gate/quiet-tenants.ts";

test("others are held back while a quiet tenant's chat is under way, for so long at most", () => {
  const chats = new QuietTenants();
  expect(chats.holdOthers(1_000)).toBe(false);
  chats.begin("a", 1_000);
  chats.begin("b", 1_010);
  expect(chats.holdOthers(1_020)).toBe(true);
  chats.end("a", 1_030);
  expect(chats.holdOthers(1_030)).toBe(true);
  chats.end("b", 1_040);
  expect(chats.holdOthers(1_040)).toBe(false);

  chats.begin("c", 2_000);
  expect(chats.holdOthers(2_000 + HELD_MS_MAX - 1)).toBe(true);
  expect(chats.holdOthers(2_000 + HELD_MS_MAX)).toBe(false);
});

test("however many quiet tenants come, others are held back for a share of the time", () => {
  const chats = new QuietTenants();
  const lastMs = 60_000;
  let heldMs = 0;
  for (let nowMs = 0; nowMs < lastMs; nowMs += 1) {
    if (nowMs % 10 === 0) chats.begin(`t${nowMs}`, nowMs);
    if (chats.holdOthers(nowMs)) heldMs += 1;
  }

  expect(heldMs).toBeGreaterThan(HELD_SHARE * 0.95 * lastMs);
  expect(heldMs).toBeLessThanOrEqual(HELD_SAVED_MS_MAX + HELD_SHARE * 1.05 * lastMs);
});
