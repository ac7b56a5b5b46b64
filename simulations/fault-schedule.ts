// When faults of each kind happen: at random moments, independent of each other, with a mean time between two of a kind.
// What they do belongs to the worlds.
import type { Random } from "../src/kernel/ports.ts";
import { below } from "../src/kernel/random.ts";
import type { EventLoop, Life } from "./event-loop.ts";

export interface FaultSchedule<Kind extends string> {
  readonly loop: EventLoop;
  /** Nothing happens any more once it is over. */
  readonly life: Life;
  readonly random: Random;
  /** Mean time between two faults of a kind; kinds that are left out do not happen. Milliseconds. */
  readonly everyMs: Readonly<Partial<Record<Kind, number>>>;
  /** How often each has happened. */
  readonly counts: Map<Kind, number>;
  readonly inject: Readonly<Record<Kind, () => void>>;
}

export function beginFaults<Kind extends string>(
  schedule: FaultSchedule<Kind>,
  kinds: readonly Kind[],
): void {
  for (const kind of kinds) scheduleNext(schedule, kind);
}

function scheduleNext<Kind extends string>(schedule: FaultSchedule<Kind>, kind: Kind): void {
  const { loop, life, random, everyMs, counts, inject } = schedule;
  const mean = everyMs[kind];
  if (mean === undefined) return;
  const wait = -Math.log(1 - below(random, 1_000_000) / 1_000_000) * mean;
  loop.schedule(wait * 1_000, life, () => {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    inject[kind]();
    scheduleNext(schedule, kind);
  });
}
