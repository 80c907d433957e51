// The examples of the tools' README, checked as they would be when they are saved.

import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { type ToolTypeName, toolInput, toolTypes, toolUse } from "../../../actors/records/tool.ts";
import { builtinTools } from "../../../actors/tools/tool-types.ts";
import { loadValidator, validate } from "../../../adapters/http/validate.ts";

const root = new URL("../../../../", import.meta.url);
const page = readFileSync(new URL("actors/tools/README.md", root), "utf8");

interface Example {
  readonly tool?: string;
  readonly type?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly permissions?: readonly string[];
}
const examples = [...page.matchAll(/```json\n(.*?)```/gs)].map(
  ([, text = ""]) => JSON.parse(text) as Example,
);
const typeOf = ({ type, tool }: Example): ToolTypeName => (type ?? tool) as ToolTypeName;
const folders = [{ name: "desk", path: "/srv/desk", tenants: ["*"], access: "write" as const }];

beforeAll(loadValidator);

test("each type of tool has an example", () => {
  // Those of engines have theirs where engines are described.
  const elsewhere = ["engine", "shell"];
  const shown = new Set(examples.map(typeOf));
  const left = toolTypes.filter((type) => !shown.has(type) && !elsewhere.includes(type));
  expect(left).toEqual([]);
});

test.each(examples.map((example) => [typeOf(example), example] as const))(
  "the example of %s is taken",
  (type, example) => {
    const { config = {}, permissions } = example;
    const of = builtinTools[type];
    validate(example.type === undefined ? toolUse : toolInput, example);
    // Several tools are a record.
    expect(example.type === undefined).toBe(of.list === undefined);
    validate(of.config, config);
    of.check?.(config, { folders });
    const needed = of.needs.filter((need) => permissions?.includes(need) === false);
    expect(needed).toEqual([]);
  },
);
