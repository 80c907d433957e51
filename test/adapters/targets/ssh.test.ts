// The target that is another machine, against a real ssh server: what arrives there, what proves it, and how commands
// end. Without an ssh server these tests skip.

import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { SshConfig } from "../../../actors/engines/target-config.ts";
import type { TargetInput } from "../../../actors/records/target.ts";
import { createMachines, type Machines } from "../../../adapters/targets/machines.ts";
import { processLedger } from "../../../adapters/targets/process-ledger.ts";
import type { Spawner } from "../../../adapters/targets/spawner.ts";
import { hasSshd, type Sshd, startSshd } from "../../support/sshd.ts";

const withSshd = test.skipIf(!hasSshd);
const never = new AbortController().signal;

let sshd: Sshd;
let data: string;
let machines: Machines;
let version = 0;

beforeAll(async () => {
  if (!hasSshd) return;
  sshd = await startSshd();
  data = await mkdtemp(join(tmpdir(), "troupe-ssh-"));
  const environment = () => ({ PATH: "/usr/bin:/bin" });
  machines = createMachines({ data, ledger: processLedger(data), environment });
});
afterAll(async () => {
  if (!hasSshd) return;
  await machines.end();
  await sshd.remove();
  await rm(data, { recursive: true, force: true });
});

/** A target of the server, each time as a record that was changed. */
function found(more: Partial<SshConfig> = {}, privateKey = sshd.privateKey) {
  version += 1;
  const record = {
    ...{ id: "tg_far", version, created_at: "", updated_at: "", name: "Far", type: "ssh" as const },
    config: { ...sshd.config, ...more },
    secrets: { private_key: privateKey },
  } satisfies TargetInput & object;
  return { record, owner: "tn_default" };
}
const target = (...of: Parameters<typeof found>): Spawner => machines.spawner(found(...of));

const run = async (spawner: Spawner, argv: readonly string[], more = {}, stdin = "") => {
  const child = await spawner.start({ argv, ...more }, never);
  child.stdin.end(stdin);
  const [out, errors, exit] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    child.exit,
  ]);
  return { out, errors, ...exit };
};

const isAlive = async (pid: string): Promise<boolean> =>
  await readFile(`/proc/${pid}/stat`, "utf8").then(
    (found) => !/\) Z /.test(found),
    () => false,
  );

/** Of a module of targets, for a program's text. */
const moduleAt = (name: string): string =>
  JSON.stringify(new URL(`../../../adapters/targets/${name}.js`, import.meta.url).href);

withSshd("any arguments, variables and input arrive as they are", async () => {
  const far = target();
  const word = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constantFrom("'", '"', "\\", "$(id)", "`id`", ";", "\n", "\r\n", "-rf", "--", "%s\\0", "*"),
  );
  // What is no text in UTF-8 cannot be an argument, nor can what has a NUL.
  const plain = word.map((one) => Buffer.from(one.replaceAll("\0", "")).toString());

  await fc.assert(
    fc.asyncProperty(
      fc.array(plain, { maxLength: 8 }),
      plain,
      plain,
      async (argv, value, input) => {
        const script = 'printf "%s\\0" "$V" "$@"; cat';
        const env = { V: value };

        const { out, code } = await run(far, ["sh", "-c", script, "sh", ...argv], { env }, input);

        expect(out.split("\0")).toEqual([value, ...argv, input]);
        expect(code).toBe(0);
      },
    ),
    { numRuns: 12 },
  );
});

withSshd("exit codes, both outputs and the folder are those of the command", async () => {
  const far = target();

  const ended = await run(far, ["sh", "-c", "pwd; echo no >&2; exit 255"]);
  const none = await run(far, ["no-such-program"]);

  expect(ended).toMatchObject({ out: `${sshd.config.folder}\n`, errors: "no\n", code: 255 });
  expect(none.code).toBe(127);
  for (const cwd of ["..", "a/../..", "/etc", "~root"]) {
    await expect(far.start({ argv: ["pwd"], cwd }, never)).rejects.toMatchObject({
      code: "INVALID",
    });
  }
});

withSshd(
  "its key and its known hosts are on the disk while it connects, for this user alone",
  async () => {
    const far = target();
    const modes: number[] = [];
    const looked = (async () => {
      for (let files = 0; files < 1; ) {
        for (const name of await readdir(join(data, "ssh")).catch(() => [])) {
          const key = await stat(join(data, "ssh", name, "k")).catch(() => null);
          if (key !== null) modes.push(key.mode & 0o777);
        }
        files = modes.length;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const child = await far.start({ argv: ["cat"] }, never);
    await looked;

    const folders = await readdir(join(data, "ssh"));
    const left = (
      await Promise.all(folders.map((name) => readdir(join(data, "ssh", name))))
    ).flat();
    const commands = await readdir("/proc").then((names) =>
      Promise.all(names.map((one) => readFile(`/proc/${one}/cmdline`, "utf8").catch(() => ""))),
    );
    expect(new Set(modes)).toEqual(new Set([0o600]));
    expect(left.filter((name) => name === "k" || name === "h")).toEqual([]);
    expect((await stat(join(data, "ssh"))).mode & 0o777).toBe(0o700);
    expect(commands.join("\n")).not.toContain("PRIVATE KEY");
    child.kill();
    await child.exit;
  },
);

withSshd("a host whose key is not known, or is another one, is told nothing", async () => {
  const known = sshd.config.known_hosts.split(" ");
  const other = `${known[0]} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5FExhqL3nQ0Vb5xGz0yGZ0yGZ0yGZ0yGZ0yGZ0yGZ0`;
  for (const known_hosts of [other, "elsewhere.example ssh-ed25519 AAAA"]) {
    await expect(target({ known_hosts }).start({ argv: ["true"] }, never)).rejects.toMatchObject({
      code: "PROVIDER_FAILED",
      message: expect.stringContaining("host key"),
    });
  }
  await sshd.stop();
  sshd.changeHostKey();
  await sshd.start();
  await expect(target().start({ argv: ["true"] }, never)).rejects.toMatchObject({
    code: "PROVIDER_FAILED",
    message: expect.stringContaining("host key"),
  });
  await sshd.remove();
  sshd = await startSshd();
});

withSshd("a key that is not taken, and one that is none, fail and are shown nowhere", async () => {
  const lines = sshd.privateKey.split("\n");
  const broken = [lines[0], "bm90IGEga2V5", ...lines.slice(-2)].join("\n");

  const refused = await target({}, broken)
    .start({ argv: ["true"] }, never)
    .catch((error: unknown) => error);

  expect(refused).toMatchObject({ code: "PROVIDER_FAILED" });
  expect(JSON.stringify(refused)).not.toContain("bm90");
});

withSshd("what is cancelled, or late, ends there too, with all that it has started", async () => {
  const caller = new AbortController();
  const script = "sleep 1000 & echo $!; echo $$; exec sleep 1000";
  const begun = [
    await target().start({ argv: ["sh", "-c", script] }, caller.signal),
    await target({ timeout_ms: 500 }).start({ argv: ["sh", "-c", script] }, never),
  ];
  const seen = ["", ""];
  for (const [at, child] of begun.entries()) {
    child.stdout.on("data", (piece: Buffer) => {
      seen[at] += piece.toString();
    });
  }
  await vi.waitFor(() => {
    for (const one of seen) expect(one.trim().split("\n")).toHaveLength(2);
  }, 5_000);
  caller.abort();
  const exits = await Promise.all(begun.map(({ exit }) => exit));

  expect(exits.map(({ signal }) => signal)).toEqual(["SIGKILL", "SIGKILL"]);
  for (const pid of seen.join("").trim().split("\n")) {
    await vi.waitFor(async () => expect(await isAlive(pid)).toBe(false));
  }
});

withSshd(
  "a connection that drops is a target that is lost, and says whether something may have begun",
  async () => {
    const far = target();
    const child = await far.start({ argv: ["cat"] }, never);
    child.stdout.resume();
    await sshd.stop();

    await expect(child.exit).rejects.toMatchObject({
      code: "TARGET_LOST",
      details: { began: true },
    });
    await expect(far.start({ argv: ["true"] }, never)).rejects.toMatchObject({
      code: "TARGET_LOST",
      details: { began: false },
    });
    await sshd.start();
    const back = await run(far, ["echo", "back"]);
    expect(back.out).toBe("back\n");
  },
);

withSshd("one where everybody is at work is there", async () => {
  const busy = found({ processes: 1 });
  const child = await machines.spawner(busy).start({ argv: ["cat"] }, never);

  await machines.look(busy, AbortSignal.timeout(10_000));

  child.kill();
  await child.exit;
});

withSshd("what a server that is killed has begun there ends there", async () => {
  const script = `
    import { Line } from ${moduleAt("line")};
    import { sshSpawner } from ${moduleAt("ssh")};
    import { sshMaster } from ${moduleAt("ssh-master")};
    import { processLedger } from ${moduleAt("process-ledger")};
    const own = { name: "t", config: ${JSON.stringify(sshd.config)}, env: { PATH: process.env.PATH },
      ledger: processLedger(${JSON.stringify(join(data, "killed"))}) };
    const options = { ...own, data: ${JSON.stringify(data)}, privateKey: process.env.PRIVATE_KEY };
    const far = sshSpawner({ ...own, line: new Line(1), master: sshMaster(options) });
    const argv = ["sh", "-c", "sleep 1000 & echo $!; echo $$; wait"];
    const child = await far.start({ argv }, new AbortController().signal);
    child.stdout.pipe(process.stdout);
  `;
  const server = spawn(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...process.env, PRIVATE_KEY: sshd.privateKey },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  server.stdout.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  await vi.waitFor(() => expect(said.trim().split("\n")).toHaveLength(2), 10_000);

  server.kill("SIGKILL");

  for (const pid of said.trim().split("\n")) {
    await vi.waitFor(async () => expect(await isAlive(pid)).toBe(false), 10_000);
  }
});
