// Every check of `troupe doctor`, in the order of its lines. Another part adds its own here.

import { certificateCheck } from "./certificate.ts";
import { channelsCheck } from "./channels.ts";
import type { Check } from "./check.ts";
import { clockCheck } from "./clock.ts";
import { configurationCheck } from "./configuration.ts";
import { encryptionCheck } from "./encryption.ts";
import { folderCheck } from "./folder.ts";
import { machineCheck } from "./machine.ts";
import { modelsCheck } from "./models.ts";
import { nativesCheck } from "./natives.ts";
import { portCheck } from "./port.ts";
import { providersCheck } from "./providers.ts";
import { serverCheck } from "./server.ts";
import { storageCheck } from "./storage.ts";
import { tenantsCheck } from "./tenants.ts";

/** The checks. */
export const checks: readonly Check[] = [
  configurationCheck,
  folderCheck,
  storageCheck,
  encryptionCheck,
  clockCheck,
  machineCheck,
  nativesCheck,
  portCheck,
  certificateCheck,
  serverCheck,
  tenantsCheck,
  providersCheck,
  modelsCheck,
  channelsCheck,
];
