// Files of the local models that the settings name.

import { missingFiles } from "../embed/model-folder.ts";
import { type Check, error, ok } from "./check.ts";

export const modelsCheck: Check = {
  name: "local models",
  run: async ({ config }) => {
    if (config === null) return [];
    const wanted = [
      ...config.embedders.map((one) => ({ ...one, what: "embedder" })),
      ...config.rerankers.map((one) => ({ ...one, what: "re-ranker" })),
    ].flatMap((one) => (one.kind === "local" ? [one] : []));
    if (wanted.length === 0) return [ok("None is set.")];
    return await Promise.all(
      wanted.map(async ({ what, name, model, folder, dtype }) => {
        const missing = await missingFiles(folder, dtype);
        if (missing.length === 0) return ok(`The files of the ${what} "${name}" are there.`);
        const text = `The ${what} "${name}" lacks ${missing.join(", ")} in ${folder}.`;
        return error(text, `troupe models pull ${model} --dtype ${dtype}`);
      }),
    );
  },
};
