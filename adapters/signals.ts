// What the process is told by signals: to stop, and to hand over to a new process. They are listened to
// before there is anything to stop or to hand over, so that an early one is not lost.

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false;
    const take = (): void => {
      if (isStopping) process.exit(1);
      isStopping = true;
      resolve();
    };
    process.on("SIGTERM", take);
    process.on("SIGINT", take);
  });
}

/**
 * From now on SIGHUP does not end the process: it asks for files to be looked at again (file-looks.ts), which
 * those who read them do later at their start, and not in the moment in which one takes over from another.
 */
export function outliveHangups(): void {
  process.on("SIGHUP", () => undefined);
}

/** What a server is told. @param hasFile it reads a file that may be looked at again. */
export function listenToSignals(hasFile: boolean): {
  readonly stopped: Promise<void>;
  readonly restarts: Restarts;
} {
  if (hasFile) outliveHangups();
  return { stopped: stopSignal(), restarts: restartSignal() };
}

/** Restarts that are asked for. */
export interface Restarts {
  /** Resolves at the next SIGUSR2, or at once after one that came before anybody could wait. */
  next(): Promise<"restart">;
  /** Those that have come are heeded: one is under way, or has failed and was told of. */
  heeded(): void;
}

/** Listens from now on. */
export function restartSignal(): Restarts {
  let isAsked = false;
  let wake: () => void = () => undefined;
  process.on("SIGUSR2", () => {
    isAsked = true;
    wake();
  });
  return {
    next: () =>
      new Promise((resolve) => {
        wake = () => resolve("restart");
        if (isAsked) wake();
      }),
    heeded: () => {
      isAsked = false;
    },
  };
}
