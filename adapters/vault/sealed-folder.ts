// The keys of a data folder that no server has open: for the commands that read or copy one.

import type { KeySettings } from "./key-source.ts";
import type { SealedData, SealingSettings } from "./sealing.ts";

/**
 * Undefined for a folder in clear.
 * @throws CONFIG_INVALID when the keys are missing or are not those of the folder.
 */
export async function sealedFolder(
  config: KeySettings & SealingSettings,
): Promise<SealedData | undefined> {
  if (config.encryption === "off") return undefined;
  const [{ keySource }, { emptyMasterKeys, replaceMasterKeys }, { createSealing }] =
    await Promise.all([
      import("./key-source.ts"),
      import("./master-keys.ts"),
      import("./sealing.ts"),
    ]);
  const memory = emptyMasterKeys();
  const keys = await keySource(config).read();
  if (keys !== null) replaceMasterKeys(memory, keys);
  return await createSealing(config, memory, async () => undefined).opened();
}
