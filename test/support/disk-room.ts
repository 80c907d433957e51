// A disk that really fills: a small file system of its own where the tests may mount one (root), or
// a limit on how large the files of one process may grow, which needs no right.

import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder on a disk whose room the test takes and gives back. */
export interface DiskRoom {
  readonly folder: string;
  /** From here on nothing more fits. `pid`: the process that writes there. */
  take(pid: number): void;
  give(pid: number): void;
  /** Removes it; the process must have ended. */
  end(): void;
}

/** What stands for the disk. */
export type DiskKind = "a file system of its own" | "a limit on the size of files";

const MIB = 1024 * 1024;

/** Makes one; null where this machine or user cannot. */
export function makeDiskRoom(kind: DiskKind, mib: number): DiskRoom | null {
  const root = mkdtempSync(join(tmpdir(), "troupe-room-"));
  const made = kind === "a file system of its own" ? mounted(root, mib) : limited(root);
  if (made === null) rmSync(root, { recursive: true });
  return made;
}

function mounted(root: string, mib: number): DiskRoom | null {
  const disk = join(root, "disk");
  mkdirSync(disk);
  const mount = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${mib}m`, "tmpfs", disk]);
  if (mount.status !== 0) return null;
  const ballast = join(disk, "ballast");
  return {
    folder: join(disk, "data"),
    take() {
      const file = openSync(ballast, "a");
      // Large pieces first, then what is left of the last page.
      for (let bytes = MIB; bytes >= 1; ) {
        try {
          if (writeSync(file, new Uint8Array(bytes)) < bytes) bytes = Math.floor(bytes / 2);
        } catch {
          bytes = Math.floor(bytes / 2);
        }
      }
      closeSync(file);
    },
    give: () => rmSync(ballast),
    end() {
      execFileSync("umount", [disk]);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** The store's file may be written and cannot grow. */
function limited(root: string): DiskRoom | null {
  const limit = (pid: number, bytes: string): boolean =>
    spawnSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`]).status === 0;
  const limits = readFileSync("/proc/self/limits", "utf8");
  const isFree = /Max file size\s+unlimited\s+unlimited/.test(limits);
  if (!isFree || !limit(process.pid, "unlimited")) return null;
  const folder = join(root, "data");
  return {
    folder,
    take: (pid) => void limit(pid, String(statSync(join(folder, "hot.mdb")).size)),
    give: (pid) => void limit(pid, "unlimited"),
    end: () => rmSync(root, { recursive: true, force: true }),
  };
}
