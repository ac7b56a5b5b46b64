// On a machine that others load a leader may lose its office in the middle of a measurement, which then means nothing.
// Such a measurement is begun again with a new cluster, and said to be.
import { setTimeout as sleep } from "node:timers/promises";
import type { Cleanup } from "./cleanup.ts";

const ATTEMPTS_MAX = 4;
/** By then the connections of a cluster that is gone have said that they are closed. Milliseconds. */
const AFTERMATH_MS = 500;

export interface Attempts {
  /** Runs the action, again if it fails; whatever it had started is undone before. */
  run<Result>(action: () => Promise<Result>): Promise<Result>;
  /** An error that was thrown where nobody waits. @returns whether it ends the attempt under way, or belongs to an older one */
  take(error: unknown): boolean;
}

export function createAttempts(cleanup: Cleanup, progress: (text: string) => void): Attempts {
  let onError: ((error: unknown) => void) | null = null;
  const once = <Result>(action: () => Promise<Result>): Promise<Result> =>
    new Promise((resolve, reject) => {
      onError = reject;
      action().then(resolve, reject);
    });
  return {
    async run(action) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await once(action);
        } catch (error) {
          onError = () => undefined;
          await cleanup.run();
          await sleep(AFTERMATH_MS);
          if (attempt === ATTEMPTS_MAX) throw error;
          progress(`once more, for ${error instanceof Error ? error.message : String(error)}`);
        } finally {
          onError = null;
        }
      }
    },
    take(error) {
      onError?.(error);
      return onError !== null;
    },
  };
}
