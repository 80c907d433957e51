// The table of acts is that of the routes: nothing in it is of a route that is gone, and what leaves no row
// has a reason.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { auditActions } from "../../../adapters/audit/actions.ts";
import {
  actOfRoute,
  carriers,
  routeActs,
  unaudited,
} from "../../../adapters/http/audit-actions.ts";
import { auditPage, routeActions } from "../../../adapters/http/audit-page.ts";
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

test("every action that stands in the code is in the list, and none is there twice", () => {
  const folder = new URL("../../../../", import.meta.url);
  const sources = ["actors", "adapters"].flatMap((area) =>
    readdirSync(new URL(`${area}/`, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => readFileSync(new URL(`${area}/${name}`, folder), "utf8")),
  );
  const named = sources.flatMap((text) =>
    [
      ...text.matchAll(
        /\baction(?:: |\b[^;\n]{0,80}\?) ?"([a-z][a-z-]*\.[a-z-]+)"(?:\s*: "([a-z.-]+)")?/g,
      ),
    ].flatMap(([, one, other]) => [one ?? "", ...(other === undefined ? [] : [other])]),
  );
  const known = new Set([...Object.keys(auditActions), ...routeActions().keys()]);

  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((action) => !known.has(action))).toEqual([]);
  const twice = Object.keys(auditActions).filter((action) => routeActions().get(action)?.length);
  expect(twice).toEqual([]);
});

test("actions.md is the lists as they are; else: cp dist/adapters/audit/actions.md adapters/audit/", () => {
  const page = auditPage();
  const fresh = new URL("../../../adapters/audit/actions.md", import.meta.url);
  const kept = new URL("../../../../adapters/audit/actions.md", import.meta.url);
  mkdirSync(new URL(".", fresh), { recursive: true });
  writeFileSync(fresh, page);

  expect(readFileSync(kept, "utf8")).toBe(page);
});
