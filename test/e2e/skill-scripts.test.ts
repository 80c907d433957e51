// Scripts of skills in the real process: run where an agent has the tool, in a sandbox, with the files of their skill
// and nothing else.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import { hasSandbox, whyNoSandbox } from "../support/sandbox.ts";
import { skillBody } from "../support/skill-files.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Json } from "../support/wire-client.ts";

const TOTALS = `
import json, os, sys
rates = json.load(open("references/rates.json"))
try:
    open("references/rates.json", "w")
    changed = True
except OSError:
    changed = False
print(json.dumps({
    "sum": sum(map(float, sys.argv[1:])) * rates["tax"], "input": sys.stdin.read(), "here": os.getcwd(),
    "outside": [path for path in ("/etc/passwd", os.environ.get("TROUPE_DATA", "/nowhere")) if os.path.exists(path)],
    "changed": changed,
}))
print("counted", len(sys.argv) - 1, file=sys.stderr)
sys.exit(3)
`;
const SHELL =
  'set -e\ncat references/rates.json | tr a-z A-Z\nwhile read -r line; do echo "<$line> $1"; done\n';
const FILES = {
  "references/rates.json": '{"tax": 2}',
  "scripts/totals.py": TOTALS,
  "scripts/shout.sh": SHELL,
  "scripts/add.js":
    "export default ({ arguments: list, input }, host) => { host.log('adds'); return list.map(Number).reduce((a, b) => a + b) + input.length; };",
  "scripts/endless.py": "while True: print('x' * 1000)\n",
  "assets/tool.py": "print(1)\n",
  "scripts/sleeps.sh": "sleep 100\n",
};

let product: Product;
beforeAll(async () => {
  const config = "tools:\n  process_tenants: [tn_default]\n";
  product = await startProduct({ env: { TROUPE_WORKERS: "2" }, config });
  const { status } = await product.call("POST", "/v2/skills", skillBody("counting", FILES));
  expect(status).toBe(201);
});
afterEach(() => product.provider.reset());
afterAll(() => product.end());

const { say, calling, results } = toolTalk(() => product);

const newAgent = async (...tools: readonly object[]): Promise<string> => {
  const agent = { name: "Clerk", model_name: "gpt-4o-mini", skills: [{ name: "counting" }], tools };
  const { body } = await product.call("POST", "/v2/agents", agent);
  return String(body.id);
};
const run = (path: string, more: object = {}): { name: string; arguments: object } => ({
  ...{ name: "skill_script", arguments: { skill: "counting", path, ...more } },
});
const resultsOf = async (
  agent: string,
  ...calls: readonly { name: string; arguments: object }[]
): Promise<readonly Json[]> => {
  calling(calls);
  return await results((await say(agent, "Count.")).body.id);
};

test.skipIf(!hasSandbox)(
  `scripts in Python and shell have their arguments, their input and a copy of their skill's files${whyNoSandbox}`,
  { timeout: 60_000 },
  async () => {
    const agent = await newAgent({ tool: "skill_script" });

    const said = await resultsOf(
      agent,
      run("scripts/totals.py", { arguments: ["1", "2.5"], input: "in" }),
      run("scripts/shout.sh", { arguments: ["a b; echo x"], input: "one\ntwo\n" }),
    );

    const python = said.find(({ exit_code }) => exit_code === 3);
    const shell = said.find(({ exit_code }) => exit_code === 0);
    expect(python).toMatchObject({ stderr: "counted 2\n" });
    expect(JSON.parse(python.stdout)).toEqual({
      ...{ sum: 7, input: "in", here: "/skill", outside: [], changed: false },
    });
    expect(shell).toEqual({
      ...{ exit_code: 0, stderr: "" },
      stdout: '{"TAX": 2}<one> a b; echo x\n<two> a b; echo x\n',
    });
    const [, told] = product.provider.calls();
    expect(told?.prompt).toContain("run their scripts with skill_script");
  },
);

test.skipIf(!hasSandbox)(
  `a script that writes or takes too much is cut, and its call says so${whyNoSandbox}`,
  { timeout: 60_000 },
  async () => {
    const agent = await newAgent({ tool: "skill_script", config: { timeout_ms: 2_000 } });

    const said = await resultsOf(agent, run("scripts/endless.py"), run("scripts/sleeps.sh"));

    const endless = said.find(({ error }) => error === undefined);
    const sleeps = said.find(({ error }) => error !== undefined);
    expect(endless).toMatchObject({ exit_code: null });
    expect(endless.stdout.length).toBe(10_000);
    expect(sleeps).toMatchObject({ error: { code: "DEADLINE" } });
  },
);

test("a script in JavaScript runs in QuickJS, and what is no script of the agent's skills is refused", async () => {
  const agent = await newAgent({ tool: "skill_script" });

  const said = await resultsOf(
    agent,
    run("scripts/add.js", { arguments: ["1", "2"], input: "abc" }),
    run("assets/tool.py"),
    run("scripts/none.py"),
    { name: "skill_script", arguments: { skill: "other", path: "scripts/add.js" } },
  );

  expect(said.find(({ error }) => error === undefined)).toEqual({
    ...{ exit_code: 0, stdout: "6", stderr: "adds" },
  });
  const errors = said.flatMap(({ error }) => (error === undefined ? [] : [error]));
  expect(errors.map(({ code, pointer }) => `${code} ${pointer}`).sort()).toEqual([
    "INVALID /path",
    "NOT_FOUND /path",
    "NOT_FOUND /skill",
  ]);
});

test("without the tool nothing runs, without its permission it refuses, and other tenants have no processes", async () => {
  const plain = await newAgent({ tool: "calculator" });
  calling([run("scripts/add.js")]);
  await say(plain, "Count.");
  expect(product.provider.calls()[0]?.tools.map(({ name }) => name)).not.toContain("skill_script");
  expect(product.provider.calls()[0]?.prompt).toContain("You cannot run scripts.");
  product.provider.reset();

  const unfit = await newAgent({ tool: "skill_script", permissions: ["read"] });
  expect(unfit).toBe("undefined");

  const tenant = await product.call("POST", "/admin/tenants", { name: "Other" });
  await product.call("POST", `/admin/tenants/${tenant.body.id}/credit`, { amount: 10 });
  const other = { headers: { "X-Tenant": String(tenant.body.id) } };
  await product.call("POST", "/v2/skills", skillBody("counting", FILES), other);
  const agent = {
    ...{ name: "Clerk", model_name: "gpt-4o-mini", skills: [{ name: "counting" }] },
    tools: [{ tool: "skill_script" }],
  };
  const { body } = await product.call("POST", "/v2/agents", agent, other);
  calling([run("scripts/totals.py")]);
  const reply = await product.call("POST", `/v2/agents/${body.id}/runs`, { input: "Go." }, other);
  expect(JSON.stringify(product.provider.calls().at(-1)?.prompt)).toContain("process_tenants");
  expect(reply.body.response).toBe("Done.");
});
