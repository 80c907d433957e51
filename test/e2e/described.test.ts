// The product as it is started describes itself: every route of its own is in the document.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, onTestFinished, test } from "vitest";
import { packageVersion } from "../../adapters/cli/version.ts";
import type { OpenApiDocument } from "../../adapters/http/openapi/document.ts";
import { startServer } from "../support/running-server.ts";

test("the running product describes its routes and shows the page", async () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-described-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const server = await startServer({ TROUPE_DATA: folder });
  onTestFinished(() => server.end());

  const document: OpenApiDocument = JSON.parse(
    await (await fetch(`${server.url}/openapi.json`)).text(),
  );
  const page = await fetch(`${server.url}/docs`);

  const result = await new Validator().validate(JSON.parse(JSON.stringify(document)));
  expect(result.errors).toBeUndefined();
  expect(result.valid).toBe(true);
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(["/", "/login", "/metrics", "/v2/models", "/admin/providers", "/docs"]),
  );
  expect(document.info["version"]).toBe(await packageVersion());
  expect(await page.text()).toContain('id="listTeams"');
});
