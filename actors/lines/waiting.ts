// The lines that a run waits in before it begins: that of its agent, where that says how many there may be at
// once, then that of all agents that work by themselves. Whoever starts it holds it until it has passed them.

import type { Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { systemTenant } from "../records/api-key.ts";
import type { Accepting } from "../targets.ts";
import { type Go, type LineMessage, lineAddress } from "./line.ts";

/** A line, and how many of it work at once. */
export interface Line {
  /** Id of an agent; absent: the one of all that work by themselves. */
  readonly agent?: string;
  readonly most: number;
}

/** What of a run is remembered by who has started it. */
export interface Lined {
  /** All lines that it has to pass. */
  readonly lines?: readonly Line[];
  /** How many of them it has passed; absent: it is not in one. */
  readonly passed?: number;
}

const AUTONOMOUS = "autonomous";

/** Where all agents that work by themselves are in line. */
export const autonomousLine = lineAddress(systemTenant, AUTONOMOUS);

/** The lines of a run of this target. @param atOnce of those that work by themselves; absent: it is no such run. */
export function linesOf({ agent }: Pick<Accepting, "agent">, atOnce: number | undefined): Lined {
  if (agent === null) return {};
  const most = agent.constraints?.concurrency;
  const lines: readonly Line[] = [
    ...(most === undefined ? [] : [{ agent: agent.agent_key, most }]),
    ...(atOnce === undefined || agent.origin == null ? [] : [{ most: atOnce }]),
  ];
  return lines.length === 0 ? {} : { lines };
}

const counterOf = ({ agent = AUTONOMOUS }: Line): string => `line.${agent}`;

/** Takes its room in them: the turn is refused where one is full. */
export function takeLines(turn: Pick<Turn, "add">, { lines = [] }: Lined): void {
  for (const line of lines) {
    const least = -(line.most + limits.lineWaiting);
    turn.add(counterOf(line), -1, { min: least, otherwise: fullLine(line) });
  }
}

function fullLine({ agent, most }: Line): ErrorData {
  const whose = agent === undefined ? "Agents that work by themselves" : `Agent ${agent}`;
  const message = `${whose} may have ${most} runs at once, and ${limits.lineWaiting} wait already.`;
  return { code: "MAILBOX_FULL", message, details: { retryAfterMs: limits.lineRetryMs } };
}

/** Whether a run has lines before it. */
export const isLined = ({ lines = [] }: Lined): boolean => lines.length > 0;

/** Enters the next line of a run; null: it has passed all. */
export function enterLine<E extends Lined & { readonly run: string }>(
  turn: Turn,
  entry: E,
): E | null {
  const { lines = [], passed = 0 } = entry;
  const line = lines[passed];
  if (line === undefined) return null;
  const message: LineMessage = { type: "enter", run: entry.run, most: line.most };
  turn.send(placeOf(turn, line), message);
  return { ...entry, passed };
}

/** It was told to go on: it enters the next line, or begins (null). */
export function passedLine<E extends Lined & { readonly run: string }>(
  turn: Turn,
  entry: E,
  { run }: Go,
): E | null | undefined {
  const { lines = [], passed } = entry;
  // It has begun, or was not meant.
  if (entry.run !== run || passed === undefined || passed >= lines.length) return undefined;
  return enterLine(turn, { ...entry, passed: passed + 1 });
}

/** Whether it is in a line. */
export function waitsInLine({ lines = [], passed }: Lined): boolean {
  return passed !== undefined && passed < lines.length;
}

/** Whether it has yet to begin, and waits for agents that work by themselves: people do not wait for it. */
export function yields({ lines = [], passed }: Lined): boolean {
  const isBegun = passed !== undefined && passed >= lines.length;
  return !isBegun && lines.some(({ agent }) => agent === undefined);
}

/** Its run has ended: others go on. */
export function leaveLines(
  turn: Turn,
  { run, lines = [] }: Lined & { readonly run: string },
): void {
  for (const line of lines) {
    turn.add(counterOf(line), 1);
    turn.send(placeOf(turn, line), { type: "leave", run } satisfies LineMessage);
  }
}

function placeOf(turn: Pick<Turn, "self">, { agent }: Line) {
  const { tenant } = addressParts(turn.self);
  return agent === undefined ? autonomousLine : lineAddress(tenant, agent);
}
