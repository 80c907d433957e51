// No route is left out of the matrix: neither of its own server, nor of the product as it is started.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { OpenApiDocument } from "../../../adapters/http/openapi/document.ts";
import { startServer } from "../../support/running-server.ts";
import { nameOf } from "./row.ts";
import { areas } from "./rows/all.ts";
import { startWorld } from "./world.ts";

test("every route has one row, and every row is of a route", async () => {
  const world = await startWorld();
  onTestFinished(() => world.stop());
  const rows = Object.values(areas).flatMap((area) => Object.keys(area));

  expect(rows.sort()).toEqual(world.host.routes.map(nameOf).sort());
});

test("the started product has the routes of the matrix and no others", async () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-matrix-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const server = await startServer({ TROUPE_DATA: folder });
  onTestFinished(() => server.end());

  const { paths }: OpenApiDocument = JSON.parse(
    await (await fetch(`${server.url}/openapi.json`)).text(),
  );

  const served = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const rows = Object.values(areas).flatMap((area) => Object.keys(area));
  expect(served.sort()).toEqual(rows.sort());
});
