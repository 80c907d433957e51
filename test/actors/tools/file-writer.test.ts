// The file_writer over an engine that dies: whatever part of a call was cut, the text is in the file once.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Files } from "../../../actors/files.ts";
import { createFiles } from "../../../adapters/files/files.ts";
import {
  type AgentsHost,
  newAgent,
  newConversation,
  startAgents,
  tenant,
} from "../../support/agents-host.ts";
import { inlineCompute } from "../../support/inline-compute.ts";
import { type JailRoom, makeJailRoom } from "../../support/jail-room.ts";
import { createGate, createScriptedLlm } from "../../support/scripted-llm.ts";

let room: JailRoom;
let host: AgentsHost | undefined;
beforeEach(() => {
  room = makeJailRoom();
});
afterEach(async () => {
  await host?.stop();
  room.end();
});

test.each(["state", "before the write", "behind the write"])(
  "a text is appended once when the engine dies at: %s",
  async (cut) => {
    const path = join(room.work, "log.txt");
    writeFileSync(path, "line\n");
    const gate = createGate();
    const never = new AbortController().signal;
    const [grant] = room.grants;
    const real = createFiles(grant ? [{ ...grant, tenants: [tenant] }] : [], inlineCompute);
    let isCut = false;
    const dies = async (at: string): Promise<void> => {
      if (isCut || at !== cut) return;
      isCut = true;
      await gate.wait(never);
    };
    const files: Files = {
      ...real,
      state: async (target) => {
        const state = await real.state(target);
        await dies("state");
        return state;
      },
      write: async (input) => {
        await dies("before the write");
        const written = await real.write(input);
        await dies("behind the write");
        return written;
      },
    };
    const written = { path: "log.txt", content: "line\n", mode: "append" };
    const calls = [{ name: "file_writer", arguments: written }];
    const llm = createScriptedLlm(({ call }) => (call === 1 ? { calls } : "Done."));
    host = await startAgents({ llm, files });
    await host.setBalance(100_000);
    const agent = newAgent();
    const cv = newConversation();
    const tools = [{ tool: "file_writer", config: { paths: ["work"] } }];
    await host.putAgent({ agent_key: agent, tools });

    const { run } = await host.chat(cv, "Note it.", { agent }).accepted();
    await gate.reached;
    await host.crash();
    const reply = await host.follow(run, cv).reply();

    expect(reply.response).toBe("Done.");
    expect(readFileSync(path, "utf8")).toBe("line\nline\n");
    const told = llm.requests.at(-1)?.messages.find(({ role }) => role === "tool")?.content;
    expect(told).toContain('{"path":"work/log.txt","bytes":10,"mode":"append"}');
  },
);

test("an agent writes so many files and bytes in a day; what is refused is not written", async () => {
  const [grant] = room.grants;
  const files = createFiles(grant ? [{ ...grant, tenants: [tenant] }] : [], inlineCompute);
  const write = (path: string, content: string) => ({
    name: "file_writer",
    arguments: { path, content },
  });
  const calls = [
    write("1.txt", "x".repeat(60)),
    write("2.txt", "x".repeat(60)),
    write("3.txt", "y"),
    write("4.txt", "z"),
  ];
  const llm = createScriptedLlm(({ call }) => (call === 1 ? { calls } : "Done."));
  host = await startAgents({ llm, files });
  await host.setBalance(100_000);
  const agent = newAgent();
  const config = { paths: ["work"], files_per_day: 2, bytes_per_day: 100 };
  await host.putAgent({ agent_key: agent, tools: [{ tool: "file_writer", config, serial: true }] });

  await host.chat(newConversation(), "Note it.", { agent }).reply();

  const told = (llm.requests.at(-1)?.messages ?? []).flatMap(({ role, content }) =>
    role === "tool" ? [content] : [],
  );
  expect(told[1]).toContain(
    "60 more are over the limit of 100: more is written after midnight (UTC)",
  );
  expect(told[3]).toContain("This agent has written 2 files today, the limit is 2");
  const there = (name: string): boolean => existsSync(join(room.work, name));
  expect(["1.txt", "2.txt", "3.txt", "4.txt"].map(there)).toEqual([true, false, true, false]);
});
