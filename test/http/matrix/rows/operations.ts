// Rows of the routes by which the server itself is kept.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { type Rows, withBody } from "../row.ts";
import type { World } from "../world.ts";

const backup = "/admin/backup";
const places: string[] = [];
const remove = (): void => {
  for (const place of places) rmSync(place, { recursive: true, force: true });
};

/** The one before has ended, so that another can begin. */
async function ended(world: World): Promise<void> {
  const { host } = world;
  const operator = { key: host.adminKey };
  const status = async () => (await host.call("GET", backup, undefined, operator)).body.status;
  await expect.poll(status, { timeout: 10_000 }).not.toBe("running");
}

/** The rows. */
export const operationsRows: Rows = {
  [`POST ${backup}`]: {
    good: async (world) => {
      await ended(world);
      const folder = mkdtempSync(join(tmpdir(), "troupe-matrix-"));
      if (places.length === 0) process.once("exit", remove);
      places.push(folder);
      return { body: { path: join(folder, "a.backup") } };
    },
    status: 202,
    shows: { status: "running", manifest: null, error: null },
    wrong: [
      withBody("a path of nowhere", { path: "a.backup" }, { status: 400, pointer: "/path" }),
      withBody("no speed", { mib_per_second: 0 }, { status: 400, pointer: "/mib_per_second" }),
    ],
    conflict: [
      {
        what: "a file that is there",
        ...{ status: 409, code: "CONFLICT", pointer: "/path" },
        sent: async (good, world) => {
          await ended(world);
          return good;
        },
      },
    ],
  },
  [`GET ${backup}`]: {
    good: () => ({}),
    status: 200,
    shows: { status: expect.stringMatching(/^(none|running|completed)$/) },
  },
  [`DELETE ${backup}`]: {
    good: () => ({}),
    status: 200,
    shows: { status: expect.stringMatching(/^(none|completed|cancelled)$/) },
    conflict: "cannot: with none under way nothing changes",
  },
};
