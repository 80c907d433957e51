// The sandboxes' work, named for the compute pool. Apart, so that naming it loads nothing of it.

import type { SystemOptions } from "../../runtime/pool.ts";

/** @param hidden files and folders of the server's own: no sandboxed process sees them, wherever they lie. */
export function scriptTasks(hidden: readonly string[]): NonNullable<SystemOptions["tasks"]> {
  const module = new URL("./tasks.js", import.meta.url);
  for (const path of hidden) module.searchParams.append("hidden", path);
  const url = module.href;
  return {
    "script.run": { url, name: "runScriptTask" },
    "script.read": { url, name: "readScriptTask" },
    "skill.script": { url, name: "runSkillScriptTask" },
  };
}
