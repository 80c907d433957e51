// What finding facts after a turn costs: paid before the call, given back where there was none, and once
// whatever dies meanwhile.

import { expect, test } from "vitest";
import type { LlmRequest } from "../../../actors/ports.ts";
import type { LedgerRow } from "../../../actors/records/conversation.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { AgentsHost } from "../../support/agents-host.ts";
import { type MemoryDesk, memoryDesksOfFile } from "../../support/memory-desk.ts";
import type { Script } from "../../support/scripted-llm.ts";

const desks = memoryDesksOfFile();

/** An agent that finds facts after each turn. */
const startDesk = (script: Script): Promise<MemoryDesk> =>
  desks.start(script, { extract: "after_turn" });

const facts = (...texts: string[]): string =>
  JSON.stringify({
    facts: texts.map((text) => ({ text, kind: "fact", importance: 0.7, replaces: "" })),
  });
const isExtraction = ({ responseFormat }: LlmRequest): boolean => responseFormat?.type === "schema";

/** What runs of memory put into the books. */
const ofMemory = (desk: AgentsHost): readonly LedgerRow[] =>
  (desk.rows("ledger-fresh") as LedgerRow[]).filter(({ service }) => service === "memory");

test("finding facts is paid before the call, and left out where the balance does not hold it", async () => {
  const script: Script = ({ request }) =>
    isExtraction(request) ? facts("The user sails.") : "Ahoy!";
  const { say, desk, kept, llm } = await startDesk(script);
  // One millionth less than an answer and the search for facts after it.
  await desk.setBalance(1_999);
  await say("I sail.", "anna");
  await desk.idle();
  expect([desk.balance(), await kept("anna")]).toEqual([999, []]);
  expect(llm.requests.filter(isExtraction)).toEqual([]);
  expect(ofMemory(desk)).toEqual([]);

  await desk.setBalance(2_000);
  await say("I sail.", "anna");
  await desk.idle();
  expect([desk.balance(), await kept("anna")]).toEqual([0, ["The user sails."]]);
});

test("of a search for facts that fails nothing is paid in the end", async () => {
  const script: Script = ({ request }) => {
    if (isExtraction(request)) throw new RuntimeError("PROVIDER_FAILED", "Refused.");
    return "Ahoy!";
  };
  const { say, desk } = await startDesk(script);
  await desk.setBalance(5_000);
  await say("I sail.", "anna");
  await desk.idle();
  expect(desk.balance()).toBe(4_000);
  expect(ofMemory(desk)).toMatchObject([{ charge: { units: 0, micros: 0 }, outcome: "failed" }]);
});

test("whenever the engine dies around a search for facts, it is paid once", async () => {
  const script: Script = ({ request }) =>
    isExtraction(request) ? facts("The user sails.") : "Ahoy!";
  const { say, desk, kept } = await startDesk(script);
  await desk.setBalance(1_000_000);
  await say("I sail.", "before");
  const before = desk.disk.commits;
  await desk.idle();
  const most = desk.disk.commits - before + 2;
  expect(desk.balance()).toBe(998_000);
  for (let commits = 1; commits <= most; commits += 1) {
    await desk.setBalance(1_000_000);
    await say("I sail.", `user${commits}`);
    desk.disk.crashAfter(desk.disk.commits + commits);
    await Promise.race([desk.crashed, desk.idle()]);
    await desk.crash("process");
    await desk.idle();
    expect([commits, desk.balance(), await kept(`user${commits}`)]).toEqual([
      commits,
      998_000,
      ["The user sails."],
    ]);
  }
}, 30_000);
