// The machines of target records: a spawner for each, the connections that are open, and who works there. A record that
// is changed has a new connection; one that nobody has used for a while has none.

import type { LocalConfig, SshConfig } from "../../actors/engines/target-config.ts";
import { workLimits } from "../../actors/engines/target-config.ts";
import type { TargetInput } from "../../actors/records/target.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Found } from "./found.ts";
import { Line } from "./line.ts";
import { localSpawner, workFolder } from "./local.ts";
import type { ProcessLedger } from "./process-ledger.ts";
import type { Spawner } from "./spawner.ts";
import { sshSpawner } from "./ssh.ts";
import { type Master, sshMaster } from "./ssh-master.ts";

/** What they need. */
export interface MachineOptions {
  /** The data folder. */
  readonly data: string;
  readonly ledger: ProcessLedger;
  /** Values of variables of this process. */
  environment(names: readonly string[]): Readonly<Record<string, string>>;
}

/** The machines. */
export interface Machines {
  /** @throws INVALID for a target that is none. */
  spawner(of: Found<TargetInput>): Spawner;
  /** Whether one is there. @throws TARGET_LOST, PROVIDER_FAILED, INVALID for a target that is none. */
  look(of: Found<TargetInput>, signal: AbortSignal): Promise<void>;
  end(): Promise<void>;
}

/** Connections that nobody has used for so long are ended, ms. */
const IDLE_MS = 10 * 60_000;
/** Lines of targets that are remembered. */
const LINES_MAX = 1_000;

/** That of one version of a record. */
interface Connection {
  readonly master: Master;
  /** Commands that were started over it and have not ended. */
  active: number;
  /** Ends it. */
  idle: NodeJS.Timeout | undefined;
}

/** Makes them. */
export function createMachines({ data, ledger, environment }: MachineOptions): Machines {
  const lines = new Map<string, Line>();
  const connections = new Map<string, Connection>();
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
  const rest = (key: string, connection: Connection): void => {
    clearTimeout(connection.idle);
    const end = (): void => {
      connections.delete(key);
      void connection.master.end().catch(() => undefined);
    };
    connection.idle = connection.active > 0 ? undefined : setTimeout(end, IDLE_MS).unref();
  };
  /** Commands of an earlier version of the record end over the connection that they began with. */
  const sshTo = ({ record }: Found<TargetInput>, line: Line): Spawner => {
    const { id, version, name, secrets } = record;
    const config = record.config as unknown as SshConfig;
    const own = { name, config, ledger, env: environment(["PATH"]) };
    const key = `${id}.${version}`;
    const made = () => sshMaster({ ...own, data, privateKey: secrets?.private_key ?? "" });
    const connection = connections.get(key) ?? { master: made(), active: 0, idle: undefined };
    connections.set(key, connection);
    const { master } = connection;
    const over = sshSpawner({ ...own, line, master });
    return {
      start: async (...of) => {
        connection.active += 1;
        rest(key, connection);
        const leave = (): void => {
          connection.active -= 1;
          rest(key, connection);
        };
        try {
          const child = await over.start(...of);
          child.exit.then(leave, leave);
          return child;
        } catch (error) {
          leave();
          throw error;
        }
      },
    };
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
    return sshTo(of, line);
  };
  return {
    spawner,
    look: async (of, signal) => {
      const { record } = of;
      if (record.type === "local") {
        await workFolder({ name: record.name, config: record.config as unknown as LocalConfig });
        return;
      }
      const child = await spawner(of).start({ argv: ["true"] }, signal);
      for (const stream of [child.stdout, child.stderr]) stream.resume();
      child.stdin.end();
      const { code } = await child.exit;
      if (code === 0) return;
      throw new RuntimeError("PROVIDER_FAILED", `Target ${record.name} runs no commands.`);
    },
    end: async () => {
      const open = [...connections.values()];
      connections.clear();
      for (const { idle } of open) clearTimeout(idle);
      await Promise.all(open.map(({ master }) => master.end()));
    },
  };
}
