// The pages of gateways say what their files are held to.

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { fieldsPage } from "../../../adapters/gateway/fields.ts";
import { parseGatewayFile } from "../../../adapters/gateway/file.ts";
import { channel } from "../../../adapters/gateway/index.ts";

const root = new URL("../../../../", import.meta.url);
const pageOf = (name: string) => readFile(new URL(`adapters/gateway/${name}`, root), "utf8");
/** Of a page, but for those of a troupe.yaml. */
const filesOf = (page: string): readonly string[] =>
  [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)]
    .map(([, block = ""]) => block)
    .filter((block) => /^(agent|server):/m.test(block));

test("the page of fields says what the schemas say", async () => {
  expect(await pageOf("gateway-yaml.md")).toBe(await fieldsPage());
});

test("every field of every kind says what it is", async () => {
  const rows = (await fieldsPage()).split("\n").filter((line) => line.startsWith("| `"));
  expect(rows.length).toBeGreaterThan(100);
  expect(rows.filter((row) => /\| {2}\|$/.test(row))).toEqual([]);
});

test("the files of the pages are files of a gateway", async () => {
  const blocks = [...filesOf(await pageOf("README.md")), ...filesOf(await fieldsPage())];
  expect(blocks).toHaveLength(3);
  const env = {
    ...{
      ANTHROPIC_API_KEY: "sk-1",
      TROUPE_GATEWAY_KEY: "k",
      HOOK_SECRET: `whsec_${"A".repeat(43)}=`,
    },
    ...{ SLACK_BOT_TOKEN: "xoxb-1", SLACK_SIGNING_SECRET: "s" },
  };
  for (const block of blocks) {
    const { channels } = await parseGatewayFile("gateway.yaml", block, env);
    expect(channels.length).toBeGreaterThan(0);
  }
});

test("fields of a program are those of a file in camel case, and names of its own stay", () => {
  const hours = { timeZone: "Europe/Berlin", open: ["mon-fri 09:00-17:00"], closedText: "Later." };
  const given = { name: "desk", botToken: "x", businessHours: hours, agents: { mySales: "ag_1" } };
  expect(channel("slack", given)).toEqual({
    ...{ kind: "slack", name: "desk" },
    fields: {
      ...{ bot_token: "x", agents: { mySales: "ag_1" } },
      business_hours: {
        ...{ time_zone: "Europe/Berlin", open: ["mon-fri 09:00-17:00"], closed_text: "Later." },
      },
    },
  });
});
