// What Spectral's rules for OpenAPI find in the API's description, of the whole table of the started
// product. Redocly's, and the standard's own schema: document.test.ts.

import { type RulesetDefinition, Spectral } from "@stoplight/spectral-core";
import rulesets from "@stoplight/spectral-rulesets";
import { expect, onTestFinished, test } from "vitest";
import { startWorld } from "../matrix/world.ts";

test("Spectral finds nothing in the description", async () => {
  const world = await startWorld();
  onTestFinished(() => world.stop());
  const { body } = await world.host.call("GET", "/openapi.json", undefined, { key: "" });
  const spectral = new Spectral();
  // Its own rulesets are less than its types of a ruleset say.
  spectral.setRuleset(rulesets.oas as unknown as RulesetDefinition);

  const found = await spectral.run(body);

  expect(found.map(({ code, message, path }) => [code, message, path.join("/")])).toEqual([]);
});
