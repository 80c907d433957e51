// Tools whose calls a person decides about: nothing is called before, nothing that was declined, and
// what was changed is called as it was changed.

import { expect, test } from "vitest";
import { approvalsAddress } from "../../../actors/approvals/approval.ts";
import type { Approval } from "../../../actors/records/approval.ts";
import { approvalTables } from "../../../actors/records/approval.ts";
import type { ToolUse } from "../../../actors/records/tool.ts";
import type { WebRequest } from "../../../actors/web.ts";
import {
  type AgentsHost,
  newAgent,
  newConversation,
  startAgents,
  tenant,
} from "../../support/agents-host.ts";
import { createScriptedLlm } from "../../support/scripted-llm.ts";

const url = "https://shop.example.com/orders/{id}";
const base: ToolUse = { tool: "http_request", config: { url } };

interface Desk {
  readonly host: AgentsHost;
  readonly asked: WebRequest[];
  readonly told: () => string;
  readonly cv: string;
  readonly viewing: ReturnType<AgentsHost["chat"]>;
  pending(): Promise<Approval>;
  decide(id: string, more: object): Promise<unknown>;
}

/** A desk whose model asks for order 7. */
async function openDesk(use: Partial<ToolUse>): Promise<Desk> {
  const asked: WebRequest[] = [];
  const llm = createScriptedLlm(({ call }) =>
    call === 1 ? { calls: [{ name: "http_request", arguments: { id: "7" } }] } : "Done.",
  );
  const web = {
    request: async (request: WebRequest) => {
      asked.push(request);
      return { status: 200, headers: {}, body: "ok", isCut: false };
    },
  };
  const host = await startAgents({ llm, web });
  await host.setBalance(100_000);
  const agent = newAgent();
  const cv = newConversation();
  await host.putAgent({ agent_key: agent, tools: [{ ...base, ...use }] });
  const viewing = host.chat(cv, "Cancel it.", { agent });
  const rows = () => host.rows(approvalTables.approvals) as readonly Approval[];
  return {
    ...{ host, asked, cv, viewing },
    told: () => String(llm.requests[1]?.messages.at(-1)?.content),
    pending: async () => {
      await expect.poll(() => rows().length, { timeout: 5_000 }).toBe(1);
      return rows()[0] as Approval;
    },
    decide: (id, more) =>
      host.ask(approvalsAddress(tenant, cv), {
        ...{ type: "decide", id, decision: "approve", by: "ak_1", note: null, arguments: null },
        ...more,
      }),
  };
}

test("a call waits until a person approves it, over a crash, and is made as the person changed it", async () => {
  const desk = await openDesk({ requires_confirmation: true });
  const { run } = await desk.viewing.accepted();
  const approval = await desk.pending();
  expect(approval).toMatchObject({
    tool: "http_request",
    arguments: { id: "7" },
    status: "pending",
  });
  await desk.host.crash();
  expect(desk.asked).toEqual([]);

  await desk.decide(approval.id, { arguments: { id: "8" } });

  const reply = await desk.host.follow(run, desk.cv).reply();
  expect(reply.response).toBe("Done.");
  expect(desk.asked.map((one) => one.url)).toEqual(["https://shop.example.com/orders/8"]);
  await desk.host.stop();
});

test("a declined call is never made, and the model is told why", async () => {
  const desk = await openDesk({ requires_confirmation: true });
  const { id } = await desk.pending();

  await desk.decide(id, { decision: "reject", note: "Not this one." });

  expect((await desk.viewing.reply()).response).toBe("Done.");
  expect(desk.asked).toEqual([]);
  expect(desk.told()).toContain("Not this one.");
  await desk.host.stop();
});

test.each([
  ["confirm_when", { confirm_when: 'args.id == "8"' }, 0],
  ["confirm_when that holds", { confirm_when: 'args.id == "7"' }, 1],
  ["confirm_when that fails", { confirm_when: "args.amount > 5" }, 1],
  ["approve_when", { requires_confirmation: true, approve_when: 'args.id == "7"' }, 0],
  ["approve_when that fails", { requires_confirmation: true, approve_when: "args.x == 1" }, 1],
])("by %s a person is asked or not", async (_name, use, waiting) => {
  const desk = await openDesk(use);
  if (waiting === 1) {
    expect((await desk.pending()).status).toBe("pending");
    expect(desk.asked).toEqual([]);
  } else {
    expect((await desk.viewing.reply()).response).toBe("Done.");
    expect(desk.asked).toHaveLength(1);
  }
  await desk.host.stop();
});
