// Everything the runtime hosts for this product, by kind. Every worker is given the same list.

import type { Definition } from "../runtime/actor.ts";
import { approvalActor } from "./approvals/approval.ts";
import { deliveryRun } from "./channels/delivery.ts";
import { laneActor } from "./channels/lane.ts";
import { sessionActor } from "./channels/session.ts";
import { askRun } from "./channels/session-ask.ts";
import { stopRun } from "./channels/session-commands.ts";
import { decideRun } from "./channels/session-decide.ts";
import { collectionActor, collectionMergeRun } from "./collection.ts";
import { completionActor } from "./completion.ts";
import { conversationActor } from "./conversation.ts";
import { credentialActor } from "./credentials/credential.ts";
import { credentialRenewRun, credentialWaitRun } from "./credentials/runs.ts";
import { tokenWaitActor } from "./credentials/token-wait.ts";
import { dryRun, dryRunActor } from "./dry-run.ts";
import { targetWaitActor } from "./engines/target-wait.ts";
import { evaluationActor, evaluationProgressRun } from "./evaluation/evaluation.ts";
import { ingestionActor } from "./ingestion/job.ts";
import { reembedClearRun, reembedPartRun, reembedRun } from "./ingestion/reembed-run.ts";
import { ingestClearRun, ingestPartRun, ingestRun } from "./ingestion/run.ts";
import { laterRun } from "./later-run.ts";
import { lineActor } from "./lines/line.ts";
import { memoryForgetRun, memoryTurnRun } from "./memory/turn.ts";
import { alertsActor } from "./money/alert-actor.ts";
import { treasuryActor } from "./money/treasury.ts";
import { purseActor } from "./purse.ts";
import { removalActor, removeRestRun } from "./removal.ts";
import { subAgentRun } from "./sub-agent.ts";
import { supervisorRun, workflowRun } from "./supervisor.ts";
import { toolRateActor } from "./tools/rate.ts";
import { writeQuotaActor } from "./tools/write-quota.ts";
import { cancelRun, launchRun } from "./triggers/launch.ts";
import { triggerSourceActor } from "./triggers/source.ts";
import { triggerActor } from "./triggers/trigger.ts";
import { webhookRun } from "./webhook.ts";

/** All actors and runs. */
export const catalog: readonly Definition[] = [
  conversationActor,
  completionActor,
  supervisorRun,
  workflowRun,
  laterRun("flow", async () => (await import("./flow/flow-run.ts")).flowRun),
  subAgentRun,
  laterRun("team", async () => (await import("./team/team.ts")).teamRun),
  laterRun("remote-agent", async () => (await import("./remote-run.ts")).remoteAgentRun),
  dryRunActor,
  dryRun,
  evaluationActor,
  evaluationProgressRun,
  laterRun(
    "evaluation-item",
    async () => (await import("./evaluation/item-run.ts")).evaluationItemRun,
  ),
  collectionActor,
  collectionMergeRun,
  ingestionActor,
  ingestRun,
  ingestPartRun,
  ingestClearRun,
  memoryTurnRun,
  memoryForgetRun,
  reembedRun,
  reembedPartRun,
  reembedClearRun,
  removalActor,
  purseActor,
  treasuryActor,
  alertsActor,
  toolRateActor,
  writeQuotaActor,
  approvalActor,
  sessionActor,
  laneActor,
  askRun,
  stopRun,
  decideRun,
  deliveryRun,
  lineActor,
  triggerActor,
  triggerSourceActor,
  launchRun,
  cancelRun,
  credentialActor,
  tokenWaitActor,
  targetWaitActor,
  credentialRenewRun,
  credentialWaitRun,
  removeRestRun,
  webhookRun,
];
