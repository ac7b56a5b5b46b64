// One seed from its beginning to its end, and what is to be said about it: what soak workers send to their parent.
import { swarmOptions, TICK_MS } from "../options.ts";
import { World } from "../world.ts";

/** A seed and the ticks of faults; null for as many as the seed draws. */
export interface Task {
  readonly seed: string;
  readonly ticks: number | null;
}

export interface Report {
  readonly seed: string;
  readonly ticks: number;
  readonly virtualMs: number;
  readonly events: number;
  readonly hash: string;
  /** Null for a run that came right. */
  readonly failure: { readonly checker: string; readonly message: string; readonly tick: number } | null;
}

export async function runSeed({ seed, ticks }: Task): Promise<Report> {
  const options = swarmOptions(seed, ticks);
  const { failure, tick, events, hash } = await new World(options).run();
  return {
    seed,
    ticks: options.ticks,
    virtualMs: tick * TICK_MS,
    events,
    hash,
    failure: failure === null ? null : { checker: failure.checker, message: failure.message, tick },
  };
}
