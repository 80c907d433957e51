// What a process is started with that may do nothing but compute: bubblewrap, which gives it namespaces of its own. It
// sees the system's programs, read only, and a small folder of its own in memory; no file of the server, no network,
// no other process. Whether that works on this machine is tried once a thread; where it does not, nothing is run.

import { lstatSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { arch, getuid } from "node:process";
import { runProcess, type Sandbox } from "./process.ts";
import { seccompProgram } from "./seccomp.ts";

/** Uid and gid in the sandbox, and outside of it where the server is root: nobody. */
const NOBODY = 65_534;
const MIB = 1_024 * 1_024;
/** What it may write, in memory, MiB: `/tmp`, and the copy of a skill's files. */
export const TMP_MIB = 64;
export const SKILL_MIB = 16;
/** A failure is tried again after this, ms: an operator may have installed what is missing. */
const AGAIN_MS = 30_000;
const PROBE_MS = 10_000;
const PROBE_BYTES = 64 * 1_024;

/** Programs and their libraries; those that a machine does not have are left out. */
const SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/** Where programs are looked for. */
const PATH = "/usr/local/bin:/usr/bin:/bin";

/** How to start one, or why none can be started: what is missing, and what to do. */
export type FoundSandbox =
  | { readonly ok: true; readonly sandbox: Sandbox }
  | { readonly ok: false; readonly problem: string };

interface Tried {
  readonly hidden: readonly string[];
  readonly what: Promise<FoundSandbox>;
  readonly atMs: number;
}

let tried: Tried | undefined;

/**
 * Tried once; a failure anew after a while.
 * @param hidden files and folders that are not shown, where they lie among those of the system.
 */
export async function findSandbox(hidden: readonly string[]): Promise<FoundSandbox> {
  if (tried?.hidden.join("\n") === hidden.join("\n")) {
    const known = await tried.what;
    if (known.ok || performance.now() - tried.atMs < AGAIN_MS) return known;
  }
  tried = { hidden, what: probe(hidden), atMs: performance.now() };
  return await tried.what;
}

async function probe(hidden: readonly string[]): Promise<FoundSandbox> {
  if (process.platform !== "linux") {
    return { ok: false, problem: "Sandboxed processes need Linux; this machine is none." };
  }
  const user = getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined;
  const seccomp = seccompProgram(arch);
  const sandbox: Sandbox = {
    program: "bwrap",
    args: argumentsOf(hidden, seccomp !== null),
    ...{ seccomp, user },
  };
  const ended = await runProcess(sandbox, ["python3", "-c", PROBE_CODE], {
    ...{ input: "", timeoutMs: PROBE_MS, outputBytes: PROBE_BYTES, logBytes: PROBE_BYTES },
    memoryMib: null,
  });
  if (ended.type === "absent") return { ok: false, problem: ABSENT };
  const said = ended.log.trim().slice(0, 300);
  if (ended.type === "exit" && ended.output.toString().startsWith("ready")) {
    return { ok: true, sandbox };
  }
  return { ok: false, problem: problemOf(said) };
}

const PROBE_CODE = `import sys
if sys.version_info < (3, 9): sys.exit("python3 is older than 3.9")
import json, resource
print("ready")`;

const NEEDED =
  "Python tools and scripts of skills run in a sandbox, which needs the program bwrap (package bubblewrap, 0.8 or newer) and python3 (3.9 or newer)";
const ABSENT = `${NEEDED}: there is no bwrap. Install it, e.g. \`apt-get install bubblewrap python3\`.`;

function problemOf(said: string): string {
  if (/execvp python3/.test(said)) {
    return `${NEEDED}: there is no python3 in ${PATH}. Install it, e.g. \`apt-get install python3\`.`;
  }
  if (/Unknown option/.test(said)) return `${NEEDED}: this bwrap is older (${said}).`;
  const hint =
    "Where user namespaces are forbidden, allow them (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0, kernel.apparmor_restrict_unprivileged_userns=0 or a profile for bwrap; in a container also its seccomp profile).";
  return `${NEEDED}, and both are there, but a sandbox cannot be made: ${said || "it says nothing"}. ${hint}`;
}

function argumentsOf(hidden: readonly string[], hasSeccomp: boolean): readonly string[] {
  const memory = (mib: number, at: string): string[] => [
    ...["--perms", "1777", "--size", String(mib * MIB), "--tmpfs", at],
  ];
  return [
    ...["--unshare-all", "--unshare-user", "--uid", String(NOBODY), "--gid", String(NOBODY)],
    ...["--hostname", "sandbox", "--die-with-parent", "--new-session", "--cap-drop", "ALL"],
    ...["--clearenv", "--setenv", "PATH", PATH, "--setenv", "LANG", "C.UTF-8"],
    ...[
      "--setenv",
      "HOME",
      "/tmp",
      "--setenv",
      "TMPDIR",
      "/tmp",
      "--setenv",
      "PYTHONHASHSEED",
      "0",
    ],
    ...["--setenv", "PYTHONDONTWRITEBYTECODE", "1", "--setenv", "PYTHONNOUSERSITE", "1"],
    ...SYSTEM.flatMap(shown),
    ...["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"],
    ...hidden.flatMap(covered),
    ...[
      "--proc",
      "/proc",
      "--dev",
      "/dev",
      ...memory(TMP_MIB, "/tmp"),
      ...memory(SKILL_MIB, "/skill"),
    ],
    ...["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"],
    ...(hasSeccomp ? ["--seccomp", "3"] : []),
  ];
}

/** A folder of the system as it is here: merged ones are links. */
function shown(path: string): readonly string[] {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  return stats.isSymbolicLink()
    ? ["--symlink", readlinkSync(path), path]
    : ["--ro-bind", path, path];
}

/** What is the server's own, where it lies in a folder of the system. */
function covered(path: string): readonly string[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  const real = realpathSync(path);
  if (!SYSTEM.some((folder) => real === folder || real.startsWith(`${folder}/`))) return [];
  if (!stats.isDirectory()) return ["--ro-bind", "/dev/null", real];
  return ["--perms", "0700", "--size", "4096", "--tmpfs", real, "--remount-ro", real];
}
