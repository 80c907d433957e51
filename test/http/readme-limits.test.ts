// What the README says is taken, against the limits themselves.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { collectionLimits } from "../../actors/records/collection.ts";
import { ingestionLimits } from "../../actors/records/ingestion-job.ts";
import { fetchLimits } from "../../adapters/knowledge/fetch-document.ts";
import { parseLimits } from "../../adapters/parse/limits.ts";

const MIB = 1_024 * 1_024;
const root = fileURLToPath(new URL("../../../", import.meta.url));
const page = readFileSync(`${root}adapters/http/README.md`, "utf8");

test("the README's table of sizes has the limits that hold", () => {
  const { documents, bytes } = ingestionLimits;
  const rows = [
    `${bytes / MIB} MiB and ${documents.toLocaleString("en")} documents |`,
    `| the text of one document in JSON | ${collectionLimits.textChars.toLocaleString("en")} characters |`,
    `| one file of an upload, or from a \`url\` | ${parseLimits.inputBytes / MIB} MiB |`,
    `| the metadata of one document | ${collectionLimits.metadataBytes / 1_024} KiB as JSON |`,
  ];

  for (const row of rows) expect(page).toContain(row);
  expect(fetchLimits.bytesMax).toBe(parseLimits.inputBytes);
});
