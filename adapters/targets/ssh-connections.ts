// The connections to machines that are open. A record that is changed has a new one; what nobody has used for a while is
// ended.

import type { SshConfig } from "../../actors/engines/target-config.ts";
import type { TargetInput } from "../../actors/records/target.ts";
import type { Found } from "./found.ts";
import type { Line } from "./line.ts";
import type { ProcessLedger } from "./process-ledger.ts";
import type { Spawner } from "./spawner.ts";
import { sshSpawner } from "./ssh.ts";
import { type Master, sshMaster } from "./ssh-master.ts";

/** Connections that nobody has used for so long are ended, ms. */
const IDLE_MS = 10 * 60_000;

/** What they need. */
export interface ConnectionOptions {
  /** The data folder. */
  readonly data: string;
  readonly ledger: ProcessLedger;
  /** Values of variables of this process. */
  environment(names: readonly string[]): Readonly<Record<string, string>>;
}

/** That of one version of a record. */
interface Connection {
  readonly master: Master;
  /** Commands that were started over it and have not ended. */
  active: number;
  /** Ends it. */
  idle: NodeJS.Timeout | undefined;
}

/** Spawners over connections. */
export interface SshConnections {
  /** Of a target of type `ssh`, as long as there is a place in the line. */
  to(of: Found<TargetInput>, line: Line): Spawner;
  end(): Promise<void>;
}

/** Makes them. */
export function sshConnections({ data, ledger, environment }: ConnectionOptions): SshConnections {
  const connections = new Map<string, Connection>();
  const rest = (key: string, connection: Connection): void => {
    clearTimeout(connection.idle);
    const end = (): void => {
      connections.delete(key);
      void connection.master.end().catch(() => undefined);
    };
    connection.idle = connection.active > 0 ? undefined : setTimeout(end, IDLE_MS).unref();
  };
  return {
    /** Commands of an earlier version of the record end over the connection that they began with. */
    to: ({ record }, line) => {
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
    },
    end: async () => {
      const open = [...connections.values()];
      connections.clear();
      for (const { idle } of open) clearTimeout(idle);
      await Promise.all(open.map(({ master }) => master.end()));
    },
  };
}
