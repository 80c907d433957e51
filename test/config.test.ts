// The configuration: defaults, precedence, and for each refusal where it stands and what was expected.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { settingsPage } from "../adapters/cli/settings.ts";
import { readConfig } from "../adapters/config.ts";
import { KERNEL_LIMITS } from "../runtime/kernel/kernel.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-config-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function withFile(text: string, env: Record<string, string> = {}) {
  await writeFile(join(folder, "troupe.yaml"), text);
  return readConfig(env, folder);
}

const refusal = (reading: Promise<unknown>): Promise<string> =>
  reading.then(
    () => "accepted",
    (error: Error) => error.message,
  );

describe("without a file and without variables", () => {
  test("every setting has its default", async () => {
    const config = await readConfig({}, folder);

    expect(config).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      data: join(folder, "data"),
      durability: "flushed",
      logLevel: "warn",
      adminKey: null,
      providers: [],
      file: null,
    });
    expect(config.workers).toBeGreaterThanOrEqual(1);
    expect(config.http.bodyBytesMax).toBe(1_048_576);
    expect(config.engine.failuresMax).toBe(5);
  });

  test("the configuration is plain data that can be given to a thread", async () => {
    const config = await readConfig({}, folder);

    expect(structuredClone(config)).toEqual(config);
  });
});

describe("precedence", () => {
  test("a variable wins over the file and the file over the default", async () => {
    const config = await withFile("port: 9000\nworkers: 3\n", { TROUPE_PORT: "9001" });

    expect(config.port).toBe(9001);
    expect(config.workers).toBe(3);
    expect(config.durability).toBe("flushed");
  });

  test("an empty variable counts as unset", async () => {
    const config = await withFile("port: 9000\n", { TROUPE_PORT: "", OPENAI_API_KEY: "" });

    expect(config.port).toBe(9000);
    expect(config.providers).toEqual([]);
  });

  test("an empty field of the file counts as unset", async () => {
    const config = await withFile("port:\nhttp:\n  body_bytes_max: 2048\n");

    expect(config.port).toBe(8080);
    expect(config.http.bodyBytesMax).toBe(2048);
  });

  test("TROUPE_CONFIG names another file, which must exist", async () => {
    await writeFile(join(folder, "other.yaml"), "port: 7000\n");

    expect((await readConfig({ TROUPE_CONFIG: "other.yaml" }, folder)).port).toBe(7000);
    expect(await refusal(readConfig({ TROUPE_CONFIG: "none.yaml" }, folder))).toBe(
      'TROUPE_CONFIG: there is no file "none.yaml"',
    );
  });
});

describe("providers", () => {
  test("the vendors' own variables make providers", async () => {
    const config = await readConfig(
      { OPENAI_BASE_URL: "http://127.0.0.1:11434/v1", ANTHROPIC_API_KEY: "k" },
      folder,
    );

    expect(config.providers).toMatchObject([
      { name: "openai", kind: "openai", baseUrl: "http://127.0.0.1:11434/v1", apiKey: null },
      { name: "anthropic", baseUrl: "https://api.anthropic.com", apiKey: "k" },
    ]);
  });

  test("a provider of the file takes its key from the variable it refers to", async () => {
    const config = await withFile(
      `providers:\n  - name: local\n    base_url: http://[::1]:1/v1\n    api_key: $\{LOCAL}\n    models: [llama*]\n`,
      { LOCAL: "secret" },
    );

    expect(config.providers).toMatchObject([
      { name: "local", kind: "openai", apiKey: "secret", models: ["llama*"], transport: "direct" },
    ]);
  });

  test("a pool of keys holds each once, and the first is the provider's own", async () => {
    const list = ["A", "B", "A"].map((name) => `      - $\{${name}}\n`).join("");
    const file = `providers:\n  - name: lab\n    api_keys:\n${list}  - name: bare\n`;
    const config = await withFile(file, { A: "key-a", B: "key-b" });

    expect(config.providers).toMatchObject([
      { name: "lab", apiKey: "key-a", apiKeys: ["key-a", "key-b"] },
      { name: "bare", apiKey: null, apiKeys: [] },
    ]);
  });

  test("a key of a pool written into the file is refused and not repeated", async () => {
    const message = await refusal(
      withFile("providers:\n  - name: lab\n    api_keys:\n      - sk-secret\n"),
    );

    expect(message).toMatch(
      /^troupe\.yaml:4:9: providers\[0\]\.api_keys\[0\]: expected a reference/,
    );
    expect(message).not.toContain("sk-secret");
  });

  test("a key written into the file is refused and not repeated", async () => {
    const message = await refusal(
      withFile("providers:\n  - name: local\n    api_key: sk-secret\n"),
    );

    expect(message).toMatch(/^troupe\.yaml:3:14: providers\[0\]\.api_key: expected a reference/);
    expect(message).not.toContain("sk-secret");
  });
});

describe("refusals of the file name the line, the field and what was expected", () => {
  const cases: readonly (readonly [name: string, file: string, message: string])[] = [
    [
      "an unknown field with the nearest known one",
      "host: localhost\nprot: 80\n",
      'troupe.yaml:2:1: unknown field "prot"; did you mean "port"?',
    ],
    [
      "an unknown field of a group",
      "http:\n  body_byte_max: 1\n",
      'troupe.yaml:2:3: unknown field "http.body_byte_max"; did you mean "body_bytes_max"?',
    ],
    [
      "the spelling of the code instead of that of the file",
      "logLevel: info\n",
      'troupe.yaml:1:1: unknown field "logLevel"; did you mean "log_level"?',
    ],
    [
      "a wrong type",
      'port: "80"\n',
      'troupe.yaml:1:7: port: expected an integer from 0 to 65535, found "80"',
    ],
    [
      "a number below its limit",
      "engine:\n  failures_max: 0\n",
      "troupe.yaml:2:17: engine.failures_max: expected an integer from 1 to 100 (times), found 0",
    ],
    [
      "a number above its limit",
      "port: 65536\n",
      "troupe.yaml:1:7: port: expected an integer from 0 to 65535, found 65536",
    ],
    [
      "a word that is no choice",
      "durability: always\n",
      'troupe.yaml:1:13: durability: expected one of committed, flushed, found "always"',
    ],
    [
      "a value where settings belong",
      "http: 80\n",
      "troupe.yaml:1:7: http: expected settings like `port: 8080`, found 80",
    ],
    [
      "a list where settings belong",
      "- port\n",
      'troupe.yaml:1:1: the file: expected settings like `port: 8080`, found ["port"]',
    ],
    [
      "a missing field of an entry",
      "providers:\n  - kind: openai\n",
      'troupe.yaml:2:5: providers[0]: the field "name" is missing',
    ],
    [
      "a reference to a variable that is not set",
      `providers:\n  - name: a\n    api_key: $\{NOWHERE}\n`,
      "troupe.yaml:3:14: providers[0].api_key: the environment variable NOWHERE is not set",
    ],
    ["a field given twice", "port: 1\nport: 2\n", "troupe.yaml:2:1: Map keys must be unique"],
    [
      "a price below nothing",
      "prices:\n  services:\n    chat: -1\n",
      "troupe.yaml:3:11: prices.services.chat: expected an integer from 0 to 1000000000000 (millionths), found -1",
    ],
    [
      "a price of what has none",
      "prices:\n  services:\n    create_agnet: 1\n",
      'troupe.yaml:3:5: unknown field "prices.services.create_agnet"; did you mean "create_agent"?',
    ],
    [
      "a provider's name used twice",
      "providers:\n  - name: a\n  - name: a\n",
      'providers: the name "a" is used twice',
    ],
  ];

  test.each(cases)("%s", async (_name, file, message) => {
    expect(await refusal(withFile(file))).toBe(message);
  });

  test("broken YAML names its line", async () => {
    expect(await refusal(withFile("host: a\nport: [1\n"))).toMatch(/^troupe\.yaml:3:1: /);
  });

  test("all that is wrong is said at once", async () => {
    const message = await refusal(withFile("prot: 1\nworkers: -1\n", { TROUPE_PORT: "x" }));

    expect(message.split("\n")).toHaveLength(3);
  });

  test("a file over the limit is not parsed", async () => {
    expect(await refusal(withFile(`# ${"x".repeat(256 * 1024)}\n`))).toMatch(
      /^troupe\.yaml: has 2\d+ bytes, the limit is 262144$/,
    );
  });

  test("a name of the prototype is an unknown field like any other", async () => {
    expect(await refusal(withFile("__proto__: 1\nconstructor: 2\n"))).toMatch(
      /unknown field "__proto__"[\s\S]*unknown field "constructor"/,
    );
  });
});

describe("refusals of variables name the variable", () => {
  const cases: readonly (readonly [Record<string, string>, string])[] = [
    [{ TROUPE_PORT: "80a" }, 'TROUPE_PORT: expected an integer from 0 to 65535, found "80a"'],
    [{ TROUPE_PORT: "65536" }, 'TROUPE_PORT: expected an integer from 0 to 65535, found "65536"'],
    [
      { TROUPE_WORKERS: "-1" },
      'TROUPE_WORKERS: expected an integer from 0 to 64 (threads), found "-1"',
    ],
    [
      { TROUPE_DURABILITY: "none" },
      'TROUPE_DURABILITY: expected one of committed, flushed, found "none"',
    ],
    [
      { OPENAI_BASE_URL: "localhost" },
      'OPENAI_BASE_URL: expected an http:// or https:// address, found "localhost"',
    ],
    [{ TROUPE_PROT: "1" }, "unknown environment variable TROUPE_PROT; did you mean TROUPE_PORT?"],
    [
      { TROUPE_ADMIN_KEY: "short" },
      "TROUPE_ADMIN_KEY: expected 16 to 256 visible ASCII characters without spaces",
    ],
  ];

  test.each(cases)("%o", async (env, message) => {
    expect(await refusal(readConfig(env, folder))).toBe(message);
  });

  test("0 workers are allowed", async () => {
    expect((await readConfig({ TROUPE_WORKERS: "0" }, folder)).workers).toBe(0);
  });
});

test("the defaults of the engine are the engine's own", async () => {
  expect((await readConfig({}, folder)).engine).toEqual(KERNEL_LIMITS);
});

test("the page of settings says what the table of settings says", async () => {
  const page = new URL("../../adapters/cli/configuration.md", import.meta.url);

  expect(await readFile(page, "utf8")).toBe(settingsPage());
});

describe("channels", () => {
  const secret = `whsec_${"A".repeat(43)}=`;

  test("are read with variables in the places of their references", async () => {
    const text = `channels:\n  hook:\n    kind: webhook\n    agent: Desk\n    secret: \${HOOK}\n`;
    expect((await withFile(text, { HOOK: secret })).channels).toEqual({
      hook: { kind: "webhook", agent: "Desk", secret },
    });
  });

  test.each([
    [
      "  x: {kind: pigeon, agent: A}",
      '2:13: channels.x.kind: There is no kind of channel "pigeon"',
    ],
    ["  webhook: {secret: abc}", "2:12: channels.webhook.agent: the id or the name"],
    ["  webhook: {agent: A, scret: 1}", "2:30: channels.webhook.scret: A channel of kind webhook"],
    ["  webhook: {agent: A, live: 1}", "2:29: channels.webhook.live: "],
    ["  webhook: {agent: A, tenant: me}", "2:31: channels.webhook.tenant: expected the id"],
    [`  webhook: {agent: A, secret: '\${GONE}'}`, "2:31: channels.webhook.secret: there is no env"],
    ["  webhook: on", "2:3: channels: expected at most 200 entries by name"],
  ])("that cannot be are told with their place: %s", async (text, said) => {
    const refused = await refusal(withFile(`channels:\n${text}\n`));
    expect(refused.replaceAll("troupe.yaml:", "")).toContain(said);
  });
});

describe("the operator's guardrails", () => {
  const rule = { on: ["output"], check: { type: "words", words: ["falcon"] }, action: "block" };
  const read = async (rules: unknown) => {
    await writeFile(join(folder, "rules.json"), JSON.stringify(rules));
    return await withFile("guardrails_file: rules.json\n");
  };

  test("are those of the file that is named, beside the configuration", async () => {
    expect((await readConfig({}, folder)).guardrails).toEqual([]);
    expect((await read([rule])).guardrails).toEqual([rule]);
    expect((await read({ guardrails: [rule] })).guardrails).toEqual([rule]);
  });

  test.each([
    [
      [{ ...rule, action: "ask" }],
      "guardrails_file: /0/action: a rule of the operator asks nobody",
    ],
    [[rule, { ...rule, check: { type: "pattern", deny: ["("] } }], "/1/check/deny/0: No pattern"],
    [[{ ...rule, on: ["everywhere"] }], "guardrails_file: /0/on/0"],
    ["none", "guardrails_file: "],
  ])("that cannot be end the start, with the place: %j", async (rules, said) => {
    expect(await refusal(read(rules))).toContain(said);
  });

  test("in a file that is not there end the start", async () => {
    expect(await refusal(withFile("guardrails_file: gone.json\n"))).toContain("gone.json");
  });
});

describe("folders of tools", () => {
  const folders = (...entries: string[]): Promise<unknown> =>
    withFile(`tools:\n  folders:\n${entries.map((one) => `    - { ${one} }\n`).join("")}`);

  test("are absolute, for reading unless they say more, and there are none without", async () => {
    expect((await readConfig({}, folder)).tools.folders).toEqual([]);
    const entries = [
      "name: a, path: in, tenants: [tn_one]",
      'name: b, path: /srv, tenants: ["*"], access: write',
    ];
    expect(await folders(...entries)).toMatchObject({
      tools: {
        folders: [
          { name: "a", path: join(folder, "in"), tenants: ["tn_one"], access: "read" },
          { name: "b", path: "/srv", tenants: ["*"], access: "write" },
        ],
      },
    });
  });

  test.each([
    ["name: a, path: in", "tenants"],
    ["name: a/b, path: in, tenants: []", "letters, digits"],
    ["name: a, path: in, tenants: [someone]", '"someone" is neither'],
    ["name: a, path: data/in, tenants: []", "the server's own data"],
    ["name: a, path: /, tenants: []", "the server's own data"],
    ["name: a, path: data, tenants: []", "the server's own data"],
    ["name: a, path: in, tenants: [], access: all", "access"],
  ])("%s is refused", async (entry, said) => {
    expect(await refusal(folders(entry))).toContain(said);
  });
});
