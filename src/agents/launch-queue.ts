// Launches on their way to the runtime: so many at a time, sandbox first. What came of each is an input again.
import type { Effect, Input } from "./effects.ts";
import { LAUNCHES_IN_FLIGHT_MAX } from "./limits.ts";
import type { Sandboxes } from "./ports.ts";
import { type Runtime, RuntimeFailure } from "./runtime.ts";

type Launch = Extract<Effect, { readonly do: "launch" }>;

export interface LaunchQueueOptions {
  readonly runtime: Runtime;
  readonly sandboxes: Sandboxes;
  /** Launches that have not begun when the agent stops are not begun any more. */
  readonly isRunning: () => boolean;
  readonly onInput: (input: Input) => void;
}

export class LaunchQueue {
  readonly #options: LaunchQueueOptions;
  readonly #waiting: Launch[] = [];
  #inFlight = 0;

  constructor(options: LaunchQueueOptions) {
    this.#options = options;
  }

  add(launch: Launch): void {
    this.#waiting.push(launch);
    this.#begin();
  }

  #begin(): void {
    while (this.#inFlight < LAUNCHES_IN_FLIGHT_MAX) {
      const launch = this.#waiting.shift();
      if (launch === undefined) return;
      this.#inFlight++;
      void this.#launch(launch).then((input) => {
        this.#inFlight--;
        this.#options.onInput(input);
        this.#begin();
      });
    }
  }

  async #launch({ container, user }: Launch): Promise<Input> {
    const { spec, sandbox, containerId: id } = container;
    if (container.ending !== null || !this.#options.isRunning()) return { kind: "launch-cancelled", id };
    try {
      await this.#options.sandboxes.create(sandbox, user);
      const { pid } = await this.#options.runtime.launch(spec);
      return { kind: "started", id, pid };
    } catch (error) {
      const code = error instanceof RuntimeFailure ? error.code : "launch-failed";
      return {
        kind: "launch-failed",
        id,
        code,
        message: error instanceof Error ? error.message : String(error),
      };
    }
  }
}
