// The engine dies, or the power fails, after every single commit of a few chat turns, one after another: whatever was
// acknowledged is answered exactly once, in order, and paid exactly once.

import { expect, test } from "vitest";
import type { LedgerRow } from "../../actors/records/conversation.ts";
import { newAgent, newConversation, startAgents, type Viewing } from "../support/agents-host.ts";
import { createScriptedLlm } from "../support/scripted-llm.ts";

/** Three turns make about seven commits; how many exactly depends on how they are grouped. */
const COMMITS = 7;
const COMMITS_SURE = 4;
const crashes = Array.from({ length: COMMITS }, (_, at) => [
  ["process", at] as const,
  ["power", at] as const,
]).flat();

test.each(crashes)(
  "a loss of the %s after commit %i loses, doubles and reorders nothing",
  async (kind, commits) => {
    const llm = createScriptedLlm(async ({ request }) => {
      for (let tick = 0; tick < 4; tick += 1) await new Promise((go) => setImmediate(go));
      return `re: ${request.messages.at(-1)?.content}`;
    });
    const host = await startAgents({ llm });
    await host.setBalance(100_000);
    const agent = newAgent();
    const cv = newConversation();
    await host.putAgent({ agent_key: agent }, [{ trigger: { keywords: ["two"] } }]);

    host.disk.crashAfter(host.disk.commits + commits + 1);
    const sent: Viewing[] = [];
    const talk = async (): Promise<boolean> => {
      for (const text of ["one", "two", "three"]) {
        const viewing = host.chat(cv, text, { agent });
        sent.push(viewing);
        await viewing.accepted();
      }
      await Promise.all(sent.map((viewing) => viewing.end()));
      return false;
    };
    const isDead = await Promise.race([host.crashed.then(() => true), talk()]);
    const acknowledged = sent.flatMap((viewing) => {
      const frame = viewing.frames.find(({ type }) => type === "accepted");
      return frame?.type === "accepted" && frame.run !== null ? [frame.run] : [];
    });
    await host.crash(kind);
    for (const run of acknowledged) await host.follow(run, cv).reply();
    await host.idle();

    expect(isDead || commits >= COMMITS_SURE).toBe(true);
    const kept = host.messages(cv);
    const asked = kept.filter(({ role }) => role === "user").map(({ content }) => content);
    expect(asked).toEqual(["one", "two", "three"].slice(0, asked.length));
    expect(asked.length).toBeGreaterThanOrEqual(acknowledged.length);
    expect(kept.map(({ content }) => content)).toEqual(
      asked.flatMap((text) => [text, `re: ${text}`]),
    );
    const ledger = host.rows("ledger-fresh") as LedgerRow[];
    // Calls lost in the crash have rows of their own, which charge nobody.
    expect(ledger.filter(({ charge }) => charge.micros > 0)).toHaveLength(asked.length);
    expect(host.balance()).toBe(100_000 - 1_000 * asked.length);
    await host.stop();
  },
);
