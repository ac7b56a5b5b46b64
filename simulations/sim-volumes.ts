// Directories of persistent volumes on one simulated machine. What an operation has done when it resolves is durable; a
// process that dies before that may have done it or not.
import type { Volumes } from "../src/agents/ports.ts";
import type { Random } from "../src/kernel/ports.ts";
import { between, chance } from "../src/kernel/random.ts";
import type { EventLoop, Life } from "./event-loop.ts";

const OPERATION_US = { low: 10, high: 50_000 } as const;
/** 0 to 1. */
const FAILURE = 0.05;

export class SimVolumes {
  /** By path: a number that no other directory ever had, in place of what tasks would write there. */
  readonly folders = new Map<string, number>();
  readonly #loop: EventLoop;
  readonly #random: Random;
  #failure = FAILURE;
  #made = 0;

  constructor(loop: EventLoop, random: Random) {
    this.#loop = loop;
    this.#random = random;
  }

  failNoMore(): void {
    this.#failure = 0;
  }

  mount(life: Life): Volumes {
    return {
      absolute: (path) => `/var/lib/tepui/${path}`,
      make: ({ path }) =>
        this.#operate(life, () => {
          if (!this.folders.has(path)) this.folders.set(path, ++this.#made);
        }),
      remove: ({ path }) => this.#operate(life, () => void this.folders.delete(path)),
    };
  }

  /** What it does is done at some moment of the time that it takes. */
  #operate(life: Life, work: () => void): Promise<void> {
    const fails = chance(this.#random, this.#failure);
    const totalUs = between(this.#random, OPERATION_US.low, OPERATION_US.high);
    const atUs = between(this.#random, 0, totalUs);
    return new Promise((resolve, reject) => {
      this.#loop.schedule(atUs, life, () => {
        if (!fails) work();
      });
      this.#loop.schedule(totalUs, life, () => {
        if (fails) reject(new Error("the simulation lets it fail"));
        else resolve();
      });
    });
  }
}
