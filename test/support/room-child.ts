// A process on whose disk room is taken away: the bare runtime with kill-program.ts, told what to do
// by lines of JSON `[number, method, ...arguments]` and answering `[number, "ok" | code, value]`.

import { createInterface } from "node:readline";
import { isMainThread } from "node:worker_threads";
import { toErrorData } from "../../runtime/errors.ts";
import { startSystem } from "../../runtime/pool.ts";
import type { WorkerHost } from "../../runtime/threads/host.ts";
import { runWorker } from "../../runtime/threads/run-worker.ts";
import { print, program } from "./kill-program.ts";

async function serve(folder: string, effects: string, workers: number): Promise<void> {
  const system = await startSystem({
    folder,
    workerUrl: new URL(import.meta.url),
    loadHost: () => program as WorkerHost,
    hostConfig: { effects },
    config: { workers, mapBytes: Number(process.env["MAP_BYTES"] ?? 2 ** 30) },
    log: { write: (level, text) => process.stderr.write(`${level} ${text}\n`) },
  });
  const methods: Record<string, (...given: never[]) => unknown> = {
    ask: system.ask,
    send: system.send,
    records: system.records.bind(system),
    runs: system.runs,
    run: system.run.bind(system),
    inspect: () => system.inspect(),
    write: system.tables.write.bind(system.tables),
    cancel: system.cancel,
    stop: system.stop.bind(system),
  };
  createInterface({ input: process.stdin }).on("line", (line) => {
    const [number, method, ...given] = JSON.parse(line) as [number, string, ...never[]];
    Promise.resolve()
      .then(() => methods[method]?.(...given))
      .then(
        (value) => print([number, "ok", value ?? null]),
        (error: unknown) => print([number, toErrorData(error).code, toErrorData(error).message]),
      );
  });
  print([0, "ok", "up"]);
}

if (isMainThread) {
  const [folder = "", effects = "", workers = "0"] = process.argv.slice(2);
  serve(folder, effects, Number(workers)).catch((error: unknown) => {
    const { code, message } = toErrorData(error);
    print([0, code, message]);
    process.exit(1);
  });
} else {
  runWorker(program);
}
