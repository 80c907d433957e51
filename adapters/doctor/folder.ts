// The data folder: whether it is there, whose it is, who may read it and its keys, who has it open.

import { constants } from "node:fs";
import { access, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Check, error, type Finding, ok, warning } from "./check.ts";

/** Files of the folder that hold keys in clear. */
const KEY_FILES = ["admin-key", "master-key", "sample-key", "sample.json"];
/** Rights of anybody but the owner. */
const OTHERS = 0o077;

export const folderCheck: Check = {
  name: "folder",
  run: async ({ data, owner }) => {
    const found = await stat(data).catch(() => null);
    if (found === null) return [ok(`${data} is not there yet; the first start makes it.`)];
    if (!found.isDirectory()) {
      return [error(`${data} is a file.`, "Name a folder: TROUPE_DATA=FOLDER.")];
    }
    const rights = await access(data, constants.R_OK | constants.W_OK | constants.X_OK).then(
      () => null,
      () => error(`This user may not read and write ${data}.`, `chown -R $(id -u) ${data}`),
    );
    if (rights !== null) return [rights];
    const findings = [...ownership(data, found), ...(await keysOf(data))];
    const names = await readdir(data);
    if (names.length > 0 && !names.includes("hot.mdb")) {
      const fix = "Name an empty or a new folder: TROUPE_DATA=FOLDER.";
      findings.push(error(`${data} holds something else: it has no hot.mdb.`, fix));
    }
    if (owner !== null) findings.push(ok(`Process ${owner} has it open.`));
    else if (names.includes("lock")) {
      findings.push(ok("A process that was killed has left its lock; the next start takes over."));
    }
    return findings.some(({ level }) => level !== "ok")
      ? findings
      : [ok(`${data} is private to this user.`), ...findings];
  },
};

function ownership(data: string, { mode, uid }: { mode: number; uid: number }): Finding[] {
  const findings: Finding[] = [];
  if ((mode & OTHERS) !== 0) {
    const shown = (mode & 0o777).toString(8);
    findings.push(warning(`${data} is open to other users (mode ${shown}).`, `chmod 700 ${data}`));
  }
  const self = process.getuid?.();
  if (self !== undefined && self !== 0 && uid !== self) {
    const text = `${data} belongs to user ${uid}, and this is user ${self}.`;
    findings.push(warning(text, `Run the server as user ${uid}, or chown -R ${self} ${data}`));
  }
  return findings;
}

async function keysOf(data: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const name of KEY_FILES) {
    const path = join(data, name);
    const found = await stat(path).catch(() => null);
    if (found === null || (found.mode & OTHERS) === 0) continue;
    const text = `${path} holds a key and other users may read it.`;
    findings.push(error(text, `chmod 600 ${path}; if others could log in here, change the key.`));
  }
  return findings;
}
