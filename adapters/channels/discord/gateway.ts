// The Gateway: Discord tells plain messages over a WebSocket that we open. The session's place in its events is
// stored with what came of them, so that a session goes on where it was after a lost connection and after a
// restart of the server (docs.discord.com/developers/events/gateway).

import { RuntimeError } from "../../../runtime/errors.ts";
import type { Sink } from "../adapter.ts";
import { memberOf, textIn } from "../sent-json.ts";
import { type Ended, GatewayLink, type GatewayParts } from "./gateway-link.ts";
import { type Position, positionIn } from "./gateway-position.ts";
import { isGatewayAddress } from "./hosts.ts";
import { discordLimits } from "./limits.ts";

/** Codes by which the Gateway says that trying again is no use, and what there is to do. */
const hopeless: ReadonlyMap<number, string> = new Map([
  [4_004, "it refuses the bot's token"],
  [4_010, "it refuses the shard"],
  [4_011, "the bot is in more rooms than one connection may have (sharding)"],
  [4_012, "it does not speak this version any more"],
  [4_013, "it knows no such intents"],
  [
    4_014,
    "the Message Content Intent is not switched on at the page Bot: do that, or unset message_content",
  ],
]);

/** Takes events in until `signal`. @throws RuntimeError UNAUTHENTICATED when the Gateway refuses us. */
export async function runGateway(
  sink: Sink,
  signal: AbortSignal,
  parts: GatewayParts,
): Promise<void> {
  let position = positionIn(await sink.cursor());
  let failures = 0;
  // Connections in a row that were over soon, greeted or not: the first is followed at once.
  let short = 0;
  while (!signal.aborted) {
    const beganMs = parts.environment.nowMs();
    try {
      const ended = await runLink(position, sink, signal, parts);
      ({ position } = ended);
      refuseHopeless(ended);
      failures = ended.isGreeted ? 0 : failures + 1;
      if (signal.aborted) return;
      sink.status("disconnected", ended.why);
      if (ended.pauseMs > 0) await pause(ended.pauseMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof RuntimeError) || error.code === "UNAUTHENTICATED") throw error;
      failures += 1;
      sink.status("disconnected", error.message);
    }
    // Its session may be gone, or where it went on: a new one is asked for.
    if (failures >= discordLimits.resumes) position = null;
    const isSteady = parts.environment.nowMs() - beganMs >= discordLimits.steadyMs;
    short = isSteady && failures === 0 ? 0 : short + 1;
    if (short > 1 || failures > 0) await pause(waitMs(Math.max(1, short - 1), parts), signal);
  }
}

async function runLink(
  position: Position | null,
  sink: Sink,
  signal: AbortSignal,
  parts: GatewayParts,
): Promise<Ended> {
  const { environment, api } = parts;
  const base = position?.url ?? (await gatewayUrl(signal, parts));
  // It is told the bot's token: no other house is.
  if (environment.connect === undefined || !isGatewayAddress(base, api.url)) {
    throw new RuntimeError(
      "EGRESS_REFUSED",
      "Discord's address of its Gateway is not opened here.",
    );
  }
  const url = new URL(base);
  url.searchParams.set("v", "10");
  url.searchParams.set("encoding", "json");
  const cut = new AbortController();
  const either = AbortSignal.any([signal, cut.signal]);
  const { frameBytes: bytesMax, silenceMs } = discordLimits;
  const socket = await environment.connect({ url: url.href, signal: either, bytesMax, silenceMs });
  const link = new GatewayLink({ socket, sink, parts, position, cut: () => cut.abort() });
  return await link.run();
}

/** Where a new session begins. A day has a thousand beginnings: one that has none left waits for more. */
async function gatewayUrl(
  signal: AbortSignal,
  { api, environment: { log, account } }: GatewayParts,
): Promise<string> {
  const what = "asking for its Gateway";
  const found = await api.call({ what, method: "GET", path: "/gateway/bot", signal });
  if (!found.ok) {
    const { class: failed, reason, retryAfterMs = 0 } = found.failed;
    if (failed === "rate") await pause(retryAfterMs, signal);
    const code = failed === "auth" ? "UNAUTHENTICATED" : "PROVIDER_UNAVAILABLE";
    throw new RuntimeError(code, reason);
  }
  const limit = memberOf(found.body, "session_start_limit");
  const resetMs = memberOf(limit, "reset_after");
  if (memberOf(limit, "remaining") === 0 && typeof resetMs === "number" && resetMs > 0) {
    const waitMs = Math.min(resetMs, discordLimits.startsMaxMs);
    log.write("warn", "Discord's Gateway takes no new session for a while.", { account, waitMs });
    await pause(waitMs, signal);
  }
  const url = textIn(found.body, "url", 1_000);
  if (url !== null && URL.canParse(url)) return url;
  throw new RuntimeError("PROVIDER_UNAVAILABLE", "Discord told no address of its Gateway.");
}

function refuseHopeless({ code }: Ended): void {
  const why = code === null ? undefined : hopeless.get(code);
  if (why === undefined) return;
  throw new RuntimeError("UNAUTHENTICATED", `Discord's Gateway closed the connection: ${why}.`);
}

function waitMs(
  failures: number,
  { reconnectMinMs = discordLimits.reconnectMinMs }: GatewayParts,
): number {
  const most = discordLimits.reconnectMaxMs;
  const ms = Math.min(most, reconnectMinMs * 2 ** Math.min(failures - 1, 20));
  // By chance up to a half more: many bots lose their connections at the same time.
  return ms * (1 + Math.random() / 2);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal.addEventListener("abort", over, { once: true });
  });
}
