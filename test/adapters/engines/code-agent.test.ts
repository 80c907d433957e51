// Agents on a command line: tasks, transcripts, money, sessions, and every way in which a process can go wrong. The
// processes are real ones, which speak the wires of Claude Code and Codex.

import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CodeAgentConfig } from "../../../actors/engines/agent-configs.ts";
import { codeAgentDriver } from "../../../adapters/engines/code-agent.ts";
import { createRedactor } from "../../../adapters/redaction.ts";
import {
  type DriveOptions,
  drive,
  openWorkshop,
  type Workshop,
} from "../../support/engine-work.ts";

const programs = {
  claude: fileURLToPath(new URL("../../support/fake-claude.js", import.meta.url)),
  codex: fileURLToPath(new URL("../../support/fake-codex.js", import.meta.url)),
};
const SECRET = "sk-agent-0123456789";

let workshop: Workshop;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.end());

function ask(text: string, config: CodeAgentConfig = {}, options: DriveOptions = {}) {
  const { dialect = "claude" } = config;
  const driver = codeAgentDriver({
    config: { command: process.execPath, args: [programs[dialect]], ...config },
    spawner: workshop.spawner,
    secrets: { AGENT_KEY: SECRET },
    redactor: createRedactor([SECRET]),
    // A cent for 100 tokens of any model with a price.
    prices: {
      micros: ({ model, promptTokens, completionTokens }) =>
        model === "gpt-5-codex" ? (promptTokens + completionTokens) * 100 : null,
    },
  });
  return drive(driver, text, options);
}

test("a task's answer comes as it is written, with its session and what it has cost", async () => {
  const { end, text, events } = await ask("Hello there");

  expect(text).toBe("Hello there");
  expect(end).toMatchObject({ answer: "Hello there", session: expect.stringMatching(/^5e55-/) });
  expect(end.error).toBeUndefined();
  expect(events.filter(({ type }) => type === "text")).toHaveLength(2);
  expect(end.usage).toEqual({
    ...{ promptTokens: 115, completionTokens: 7, cachedTokens: 100, cacheWriteTokens: 5 },
    ...{ model: "claude-sonnet-4-5", spendMicros: 10_000 },
  });
});

test("what its tools did is told between its texts, an error as one", async () => {
  const { events, text, end } = await ask("tools done");

  expect(text).toBe("I look.\n\nTwo files. done");
  expect(end.answer).toBe("Two files. done");
  expect(events.filter(({ type }) => type.startsWith("tool"))).toEqual([
    { type: "tool_call", id: "toolu_1", name: "Bash", arguments: { command: "ls" } },
    { type: "tool_result", id: "toolu_1", name: "Bash", result: "a.txt\nb.txt" },
    { type: "tool_call", id: "toolu_2", name: "Bash", arguments: { command: "cat c" } },
    { type: "tool_result", id: "toolu_2", name: "Bash", result: { error: "no such file" } },
  ]);
});

test("the command says what the record says; the task and the key stand in no argument", async () => {
  const config: CodeAgentConfig = {
    ...{ model: "claude-opus-4-5", max_turns: 7, max_cost: 3, units_per_usd: 2 },
    ...{ permission_mode: "acceptEdits", allowed_tools: ["Read", "Bash(git *)"] },
    instruction: "Be brief.",
  };

  const { end } = await ask("argv --resume other", config, { instruction: "In German." });

  const { argv, env } = JSON.parse(end.answer) as { argv: string[]; env: string[] };
  expect(argv).toEqual([
    ...["-p", "--input-format", "stream-json", "--output-format", "stream-json"],
    ...["--verbose", "--include-partial-messages", "--model", "claude-opus-4-5"],
    ...["--max-turns", "7", "--max-budget-usd", "1.5", "--permission-mode", "acceptEdits"],
    ...["--allowedTools", "Read,Bash(git *)", "--append-system-prompt", "Be brief.\n\nIn German."],
  ]);
  expect(env.sort().filter((name) => !/^_|^TROUPE_PROCESS$/.test(name))).toEqual([
    "AGENT_KEY",
    "PATH",
  ]);
  expect(end.usage.spendMicros).toBe(20_000);
});

test("nothing that a tenant or a model says is an option", async () => {
  const option = "--dangerously-skip-permissions";
  for (const dialect of ["claude", "codex"] as const) {
    const { end } = await ask("argv", { dialect }, { instruction: option, session: option });

    const said = JSON.parse(end.answer) as readonly string[] | { readonly argv: readonly string[] };
    const argv = "argv" in said ? said.argv : said;
    expect(argv.length).toBeGreaterThan(3);
    expect(argv).not.toContain(option);
  }
});

test("a session goes on where it left off; one that is gone is begun anew with what was said", async () => {
  const first = await ask("One");
  const { session } = first.end;
  const history = [{ role: "user", content: "One" }] as const;

  const second = await ask("heard", {}, { ...(session && { session }), history });
  const third = await ask("heard", {}, { session: "gone-1", history });
  const odd = await ask("argv", {}, { session: "--dangerously-skip-permissions" });

  expect(JSON.parse(second.end.answer)).toEqual(["One", "heard"]);
  expect(second.end.session).toBe(session);
  expect(third.text).toContain("What was said before:\n\nuser: One");
  expect(third.events).toContainEqual(expect.objectContaining({ type: "notice" }));
  expect(JSON.parse(odd.end.answer).argv).not.toContain("--resume");
});

test("a conversation has a folder of its own, and a run one without a session", async () => {
  const own = await ask("argv", { workspace: "conversation" }, { place: "cv_77" });
  const run = await ask("argv", { workspace: "run" }, { session: "5e55-1" });
  const climbing = await ask("argv", { workspace: "conversation" }, { place: "../../up" });

  expect(JSON.parse(own.end.answer).cwd).toMatch(/\/cv_77$/);
  expect(own.end.session).not.toBeNull();
  expect(JSON.parse(run.end.answer).cwd).toMatch(/\/run-[0-9a-f]{16}$/);
  expect(JSON.parse(run.end.answer).argv).not.toContain("--resume");
  expect(run.end.session).toBeNull();
  expect(JSON.parse(climbing.end.answer).cwd).toMatch(/\/conversation-[0-9a-f]{16}$/);
  expect(await readdir(workshop.folder)).toContain("cv_77");
});

test("its key is in nothing that it repeats, its standard error included", async () => {
  const told = await ask("secret");
  const crashed = await ask("crash");

  expect(told.text).toBe("The key is ***.");
  expect(crashed.end.error?.message).toContain("a bug, with ***");
  expect(JSON.stringify([told, crashed])).not.toContain(SECRET);
});

test("one that crashes, is cut, has had its turns or is refused has not done its task, and says why", async () => {
  const [crash, cut, turns, refused] = await Promise.all(
    ["crash", "partial", "turns", "refused"].map((way) => ask(way)),
  );

  expect(crash?.end.error).toMatchObject({ code: "PROVIDER_FAILED" });
  expect(crash?.end.error?.message).toContain("it ended with code 3 before it was done");
  // What it had used by then is known.
  expect(crash?.end.usage).toMatchObject({ promptTokens: 115, completionTokens: 7 });
  expect(crash?.text).toBe("I begin");
  expect(cut?.end.error?.message).toContain("before it was done");
  expect(turns?.end.error).toMatchObject({ details: { limit: "max_turns" } });
  expect(turns?.end.usage.spendMicros).toBe(10_000);
  expect(refused?.end.error?.message).toContain("API Error: 529 overloaded");
});

test("lines that mean nothing here, or are too long, cost nothing but themselves", async () => {
  const odd = await ask("odd");
  const huge = await ask("huge");

  expect(odd.text).toBe("Done in spite of it.");
  expect(huge.text).toBe("After a huge line.");
  expect(huge.events).toContainEqual({
    type: "notice",
    text: "A line was too long, and is left out.",
  });
});

test("one that has cost what it may is stopped, and what it has cost is known", async () => {
  // Claude says its cost at its end; until then its tokens and our prices count.
  const { end } = await ask("dear", { model: "gpt-5-codex", max_cost: 0.05 });

  expect(end.error).toMatchObject({ code: "BUDGET_EXHAUSTED", details: { limit: "max_cost" } });
  expect(end.usage.spendMicros).toBeGreaterThanOrEqual(10_000);
});

test("one that is given up says what it has used and ends; one that is deaf is killed", async () => {
  const stop = async (way: string) => {
    const by = new AbortController();
    const on = () => by.abort(new Error("enough"));
    return await ask(way, {}, { signal: by.signal, on });
  };

  const [polite, deaf] = await Promise.all([stop("wait"), stop("deaf")]);

  expect(polite?.end.usage).toMatchObject({ promptTokens: 115, spendMicros: 10_000 });
  expect(deaf?.end.usage).toMatchObject({ promptTokens: 115 });
});

test("what is said while it works is heard, and nobody answers what it asks", async () => {
  let isSaid = false;
  const told = await ask(
    "wait",
    {},
    {
      on: ({ type }, say) => {
        if (type !== "text" || isSaid) return;
        isSaid = say("And this");
      },
    },
  );
  const asked = await ask("asks");

  expect(told.text).toContain("Also: And this");
  expect(asked.text).toContain("deny");
});

test("codex does a task by its own wire, goes on with its thread, and costs what its tokens do", async () => {
  const config = {
    dialect: "codex",
    model: "gpt-5-codex",
    permission_mode: "workspace-write",
  } as const;

  const { end, events, text } = await ask("list", config, { instruction: "Be brief." });
  const next = await ask("argv", config, { session: "th_1" });
  const failed = await ask("fail", config);

  expect(text).toBe("I look.\n\nTwo files.");
  expect(end).toMatchObject({ session: "th_1", answer: "Two files." });
  expect(end.usage).toEqual({
    ...{ promptTokens: 90, completionTokens: 10, cachedTokens: 40 },
    ...{ model: "gpt-5-codex", spendMicros: 10_000 },
  });
  expect(events.filter(({ type }) => type.startsWith("tool"))).toEqual([
    { type: "tool_call", id: "item_1", name: "command", arguments: { command: "ls" } },
    {
      ...{ type: "tool_result", id: "item_1", name: "command" },
      result: { output: "a b", exit_code: 0 },
    },
  ]);
  expect(JSON.parse(next.end.answer)).toEqual([
    ...["exec", "--json", "--skip-git-repo-check", "--model", "gpt-5-codex"],
    ...["--sandbox", "workspace-write", "resume", "th_1", "-"],
  ]);
  expect(failed.end.error?.message).toContain("no such model");
});
