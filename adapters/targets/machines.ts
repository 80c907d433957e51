// The machines of target records: a spawner for each, who works there, and whether one is there.

import { type LocalConfig, workLimits } from "../../actors/engines/target-config.ts";
import type { TargetInput } from "../../actors/records/target.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Found } from "./found.ts";
import { Line } from "./line.ts";
import { localSpawner, workFolder } from "./local.ts";
import type { Spawner } from "./spawner.ts";
import { type ConnectionOptions, sshConnections } from "./ssh-connections.ts";

/** The machines. */
export interface Machines {
  /** @throws INVALID for a target that is none. */
  spawner(of: Found<TargetInput>): Spawner;
  /** Whether one is there. @throws TARGET_LOST, PROVIDER_FAILED, INVALID for a target that is none. */
  look(of: Found<TargetInput>, signal: AbortSignal): Promise<void>;
  end(): Promise<void>;
}

/** Lines of targets that are remembered. */
const LINES_MAX = 1_000;

/** Makes them. */
export function createMachines({ data, ledger, environment }: ConnectionOptions): Machines {
  const lines = new Map<string, Line>();
  const connections = sshConnections({ data, ledger, environment });
  const lineOf = (id: string): Line => {
    const line = lines.get(id) ?? new Line(workLimits.processesWaiting);
    // The map's order is the order of use.
    lines.delete(id);
    lines.set(id, line);
    for (const [other, one] of lines) {
      if (lines.size <= LINES_MAX) break;
      if (one.isIdle()) lines.delete(other);
    }
    return line;
  };
  const spawner = (of: Found<TargetInput>): Spawner => {
    const { id, type, name, config } = of.record;
    const line = lineOf(id);
    if (type === "local") {
      const own = { name, ledger, line, environment };
      return localSpawner({ ...own, config: config as unknown as LocalConfig });
    }
    if (type !== "ssh") {
      throw new RuntimeError("INVALID", `No commands run on target ${name}, of type ${type}.`);
    }
    return connections.to(of, line);
  };
  return {
    spawner,
    look: async (of, signal) => {
      const { record } = of;
      if (record.type === "local") {
        await workFolder({ name: record.name, config: record.config as unknown as LocalConfig });
        return;
      }
      // One where everybody is at work is there all the same.
      const isSsh = record.type === "ssh";
      const place = isSsh ? connections.to(of, new Line(0)) : spawner(of);
      const child = await place.start({ argv: ["true"] }, signal);
      for (const stream of [child.stdout, child.stderr]) stream.resume();
      child.stdin.end();
      const { code } = await child.exit;
      if (code === 0) return;
      throw new RuntimeError("PROVIDER_FAILED", `Target ${record.name} runs no commands.`);
    },
    end: connections.end,
  };
}
