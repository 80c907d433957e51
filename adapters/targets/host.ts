// Engines and targets on main, together: loaded when one is asked for. A start that finds processes of a server before
// it, or runs that wait for a target, loads it too; see keeping.ts.

import type { Engines } from "../../actors/engines/port.ts";
import type { Log } from "../../runtime/log.ts";
import type { System } from "../../runtime/system.ts";
import { childEnvironment } from "../config.ts";
import { closedBy } from "../data-folder.ts";
import { createEgress } from "../egress.ts";
import { createEngineCalls } from "./engines.ts";
import { createHealth, type Health } from "./health.ts";
import { createMachines, type Machines } from "./machines.ts";
import { type ProcessLedger, processLedger } from "./process-ledger.ts";

/** What they need. */
export interface TargetHostOptions {
  readonly system: Pick<System, "tables" | "send">;
  /** The data folder. */
  readonly data: string;
  readonly log: Log;
  /** Private hosts that may be asked. */
  readonly hosts: readonly string[];
  nowMs(): number;
}

/** What there is. */
export interface TargetHost {
  readonly engines: Engines;
  readonly health: Omit<Health, "stop">;
  readonly machines: Machines;
  readonly ledger: ProcessLedger;
  /** Why nothing is done anywhere; absent: it is. */
  readonly closed?: string | undefined;
  /** Ends connections and looks. */
  end(): Promise<void>;
}

/** Makes it. */
export function createTargetHost(options: TargetHostOptions): TargetHost {
  const { system, data, log, hosts, nowMs } = options;
  const { tables } = system;
  const closed = closedBy(data);
  const ledger = processLedger(data);
  const machines = createMachines({ data, ledger, environment: childEnvironment });
  const egress = createEgress({ allowedHosts: hosts, closed });
  const send = system.send.bind(system);
  const health = createHealth({ tables, machines, egress, send, log, closed, nowMs });
  const calls = createEngineCalls({ tables, machines, closed });
  return {
    engines: { ...calls, awaited: async (of) => health.awaited(of) },
    ...{ health, machines, ledger, closed },
    end: async () => {
      health.stop();
      egress.close();
      await machines.end();
    },
  };
}
