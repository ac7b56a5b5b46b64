// Finds out that a task has ended and how: from the shim's `exit` file, or, if the shim was killed, from the
// disappearance of the command. Notifications of the file system make it quick, a slow poll makes it certain.
import { type FSWatcher, watch } from "node:fs";
import type { Clock, Timer } from "../../../kernel/ports.ts";
import { ADOPTED_POLL_MS } from "../limits.ts";

export interface ExitWatch {
  /** Looks now; for whoever has a reason to think that it has ended. */
  look(): void;
  stop(): void;
}

/**
 * @param look resolves to true once the task has ended; never called again after that
 * @param onError for looks that rejected; watching goes on
 */
export function watchExit(
  folder: string,
  look: () => Promise<boolean>,
  onError: (error: unknown) => void,
  clock: Clock,
): ExitWatch {
  let [stopped, looking, again] = [false, false, false];
  let timer: Timer | undefined;
  const files = watchFolder(folder, () => run());
  const stop = () => {
    stopped = true;
    timer?.cancel();
    files?.close();
  };
  const run = () => {
    again = looking;
    if (stopped || looking) return;
    looking = true;
    timer?.cancel();
    look()
      .then((ended) => ended && stop(), onError)
      .finally(() => {
        looking = false;
        if (stopped) return;
        if (again) run();
        else timer = clock.after(ADOPTED_POLL_MS, run);
      });
  };
  run();
  return { look: run, stop };
}

/** Undefined where the system has no more watches to give: then the poll alone must do. */
function watchFolder(folder: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, onChange);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
