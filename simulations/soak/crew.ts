// The threads of a soak. Each has one seed at a time; one that is busy with a seed for too long is ended and replaced:
// a loop that never ends is a finding like any other.
import { Worker } from "node:worker_threads";
import { swarmOptions } from "../options.ts";
import type { Report, Task } from "./run.ts";

/** A seed that takes longer hangs. */
const SEED_MS_MAX = 600_000;

export interface CrewOptions {
  readonly threads: number;
  /** Null when there is nothing more to do. */
  nextTask(): Task | null;
  done(report: Report): void;
}

/** Resolves when there are no more tasks and all that were given out are done. */
export async function runCrew(options: CrewOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.threads }, () => runThread(options)));
}

async function runThread({ nextTask, done }: CrewOptions): Promise<void> {
  let worker: Worker | null = null;
  for (let task = nextTask(); task !== null; task = nextTask()) {
    worker ??= new Worker(new URL("./worker.ts", import.meta.url));
    const report = await runOn(worker, task);
    done(report);
    if (!report.threadIsLost) continue;
    await worker.terminate();
    worker = null;
  }
  await worker?.terminate();
}

/** A thread that does not answer or has died is a failure of the seed. */
function runOn(worker: Worker, task: Task): Promise<Report & { readonly threadIsLost?: true }> {
  return new Promise((resolve) => {
    const settle = (report: Report & { readonly threadIsLost?: true }): void => {
      clearTimeout(timer);
      worker.off("message", settle).off("error", onError).off("exit", onExit);
      resolve(report);
    };
    const lost = (message: string): void => settle({ ...failed(task, message), threadIsLost: true });
    const timer = setTimeout(() => lost("the run does not end"), SEED_MS_MAX);
    const onError = (error: unknown): void => lost(`the run ended its thread: ${String(error)}`);
    const onExit = (code: number): void => lost(`the run ended its thread with code ${code}`);
    worker.on("message", settle).on("error", onError).on("exit", onExit);
    worker.postMessage(task);
  });
}

function failed({ seed, ticks }: Task, message: string): Report {
  const options = swarmOptions(seed, ticks);
  const failure = { checker: "soak", message, tick: 0 };
  return { seed, ticks: options.ticks, virtualMs: 0, events: 0, hash: "", failure };
}
