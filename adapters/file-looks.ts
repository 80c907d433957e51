// Looks at files again while the server runs: every few seconds, and at once at SIGHUP. Their content counts:
// names may be links that are changed.

/** Between two looks, ms. */
const LOOK_MS = 5_000;

/**
 * Begins to look, one look after the other.
 * @param look does not throw.
 * @param onHangup before the look of a SIGHUP.
 * @returns what ends it.
 */
export function lookAgain(look: () => Promise<void>, onHangup: () => void): () => void {
  let looking: Promise<void> = Promise.resolve();
  const next = (): void => {
    looking = looking.then(look);
  };
  const hangup = (): void => {
    onHangup();
    next();
  };
  const timer = setInterval(next, LOOK_MS);
  timer.unref();
  process.on("SIGHUP", hangup);
  return () => {
    clearInterval(timer);
    process.off("SIGHUP", hangup);
  };
}
