// The settings: whether they can be read.

import { RuntimeError } from "../../runtime/errors.ts";
import { type Check, error, ok, wordsOf } from "./check.ts";

export const configurationCheck: Check = {
  name: "configuration",
  run: async ({ config, configError }) => {
    if (config !== null) {
      const from = config.file === null ? "No troupe.yaml; defaults and variables" : config.file;
      return [ok(`${from}: read.`)];
    }
    const details = configError instanceof RuntimeError ? configError.details : undefined;
    const problems = details?.["problems"];
    const lines = Array.isArray(problems) ? problems.map(String) : [wordsOf(configError)];
    return lines.map((line) =>
      error(line, "Put it right; troupe settings shows every setting with its limits."),
    );
  },
};
