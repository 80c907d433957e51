// Takes a gateway.yaml anew while its gateway runs: when it changes, or at SIGHUP. Sessions go on; a file that is
// wrong leaves what holds in place, and is told of once.

import { isDeepStrictEqual } from "node:util";
import { RuntimeError } from "../../runtime/errors.ts";
import { secretEnvironment } from "../config.ts";
import { lookAgain } from "../file-looks.ts";
import { type GatewayFile, readGatewayFile } from "./file.ts";
import type { Gateway } from "./gateway.ts";

/** Told what a look found. */
export type Tell = (level: "info" | "error", message: string) => void;

/** Begins to look. @returns what ends it. */
export function keepFile(
  file: GatewayFile,
  folder: string,
  gateway: Pick<Gateway, "apply">,
  tell: Tell,
): () => void {
  let held = file;
  let complaint = "";
  const renew = async (): Promise<void> => {
    const next = await readGatewayFile(folder, secretEnvironment());
    const isSame = isDeepStrictEqual(partsOf(next), partsOf(held));
    if (!isSame) {
      await gateway.apply(next.channels, { sessionTtl: next.settings.sessionTtl });
      const fixed = fixedOf(next, held);
      const later = fixed.length === 0 ? "" : ` ${fixed.join(", ")}: with the next start.`;
      tell("info", `${next.name} was taken anew: ${next.channels.length} channels.${later}`);
      held = next;
    } else if (complaint !== "") {
      tell("info", `${next.name} is in order again.`);
    }
    complaint = "";
  };
  const look = async (): Promise<void> => {
    try {
      await renew();
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      if (error.message === complaint) return;
      complaint = error.message;
      tell("error", `the channels stay as they were: ${error.message}`);
    }
  };
  return lookAgain(look, () => {
    complaint = "";
  });
}

function partsOf({ agent, settings, channels, host, port }: GatewayFile): object {
  return { agent, settings, channels, host, port };
}

/** What only a start takes. */
function fixedOf(next: GatewayFile, held: GatewayFile): readonly string[] {
  const { sessionTtl: _, ...settings } = next.settings;
  const { sessionTtl: __, ...before } = held.settings;
  return [
    ...(isDeepStrictEqual(next.agent, held.agent) ? [] : ["the agent"]),
    ...(isDeepStrictEqual(settings, before) ? [] : ["the settings"]),
    ...(next.host === held.host && next.port === held.port ? [] : ["the address"]),
  ];
}
