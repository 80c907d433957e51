// A folder of the machine's own disk for what watches files: what happens to it at random, and what is in it.

import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { diskEyes, type Eyes } from "../../adapters/triggers/watch/eyes.ts";
import type { WatchedDisk } from "./watch-world.ts";

/** The folder. */
export class RealDisk implements WatchedDisk {
  readonly path = mkdtempSync(join(tmpdir(), "troupe-watch-"));
  readonly #isTold: boolean;
  #looks = 0;
  #bytes = 0;
  #folders = 0;

  constructor(isTold: boolean) {
    this.#isTold = isTold;
  }

  look: Eyes["look"] = (...all) => this.#during(diskEyes.look(...all));
  watch: Eyes["watch"] = async (...all) =>
    this.#isTold ? await this.#during(diskEyes.watch(...all)) : null;
  isBusy = (): boolean => this.#looks > 0;
  forgetWatchers(): void {
    // They are stopped by who has them.
  }

  async #during<T>(looking: Promise<T>): Promise<T> {
    this.#looks += 1;
    return await looking.finally(() => {
      this.#looks -= 1;
    });
  }

  end(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Sizes of files that are told of, by path; and all folders. */
  read(): { readonly files: ReadonlyMap<string, number>; readonly folders: readonly string[] } {
    const files = new Map<string, number>();
    const folders: string[] = [];
    const visit = (dir: string): void => {
      for (const { name } of readdirSync(join(this.path, dir), { withFileTypes: true })) {
        const path = dir === "" ? name : `${dir}/${name}`;
        const seen = lstatSync(join(this.path, path));
        if (seen.isDirectory()) {
          folders.push(path);
          visit(path);
        } else if (seen.isFile() && seen.nlink === 1 && !name.startsWith(".")) {
          files.set(path, seen.size);
        }
      }
    };
    visit("");
    return { files, folders };
  }

  /** Something happens. */
  happen(random: () => number): void {
    const pick = <T>(all: readonly T[]): T | undefined => all[Math.floor(random() * all.length)];
    const { files, folders } = this.read();
    const dir = pick(["", ...folders]) ?? "";
    const name = "abcdef"[Math.floor(random() * 6)] ?? "a";
    const path = dir === "" ? name : `${dir}/${name}`;
    const file = pick([...files.keys()]);
    const folder = pick(folders);
    const what = random();
    if (what < 0.35 || file === undefined) this.#write(path);
    else if (what < 0.48) rmSync(this.#at(file));
    else if (what < 0.66) renameSync(this.#at(file), this.#at(path));
    else if (what < 0.74) this.#replace(file);
    else if (what < 0.8) this.#odd(file, random);
    else if (what < 0.88 && folders.length < 4) {
      this.#folders += 1;
      mkdirSync(this.#at(`folder${this.#folders}`));
    } else if (folder !== undefined && what < 0.95) {
      this.#folders += 1;
      renameSync(this.#at(folder), this.#at(`folder${this.#folders}`));
    } else if (folder !== undefined) rmSync(this.#at(folder), { recursive: true });
  }

  #at(path: string): string {
    return join(this.path, path);
  }

  /** Each time with a size of its own: times of two writes may be one. */
  #write(path: string): void {
    this.#bytes += 1;
    writeFileSync(this.#at(path), "x".repeat(this.#bytes));
  }

  /** As editors do. */
  #replace(file: string): void {
    this.#write(".temp");
    renameSync(this.#at(".temp"), this.#at(file));
  }

  /** What nobody is told of: a link, and a second name, which goes again or stays. */
  #odd(file: string, random: () => number): void {
    const name = `odd${Math.floor(random() * 1e9)}`;
    const which = random();
    if (which < 0.5) symlinkSync(this.#at(file), this.#at(name));
    else linkSync(this.#at(file), this.#at(name));
    if (which > 0.7) rmSync(this.#at(name));
  }
}
