// The table of acts is that of the routes: nothing in it is of a route that is gone, and what leaves no row
// has a reason.

import { expect, test } from "vitest";
import {
  actOfRoute,
  carriers,
  routeActs,
  unaudited,
} from "../../../adapters/http/audit-actions.ts";
import type { Route } from "../../../adapters/http/route.ts";
import { areas } from "../matrix/rows/all.ts";

test("every act and every exception is of a route that there is", () => {
  const routes = new Set(Object.values(areas).flatMap((area) => Object.keys(area)));
  const named = [...Object.keys(routeActs), ...Object.keys(unaudited), ...carriers];

  expect(named.filter((name) => !routes.has(name))).toEqual([]);
  expect(Object.keys(unaudited).filter((name) => name in routeActs)).toEqual([]);
  expect(Object.values(unaudited).filter((reason) => !/^[A-Z].{20,}\.$/.test(reason))).toEqual([]);
});

test("a route that nobody has named is told by its service, and one that only reads is no act", () => {
  const route = { pattern: "/v2/new", service: "new", errors: "problem" } as const;
  const of = (method: Route["method"], more: Partial<Route> = {}) =>
    actOfRoute({ ...route, ...more, method, handler: () => ({ status: 200, body: "" }) });

  expect(of("POST")).toEqual({ action: "new.create", row: "beside" });
  expect(of("DELETE")).toEqual({ action: "new.delete", row: "beside" });
  expect(of("GET")).toBeNull();
  expect(of("POST", { sideEffects: false })).toBeNull();
});
