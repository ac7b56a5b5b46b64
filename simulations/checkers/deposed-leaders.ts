// Check-quorum: a leader that no majority answers steps down, also if nobody tells it that another one was elected.
import type { RaftStatus } from "../../src/raft/index.ts";
import { type Check, checkOf } from "./check.ts";

const check: Check = checkOf("deposed-leaders");

export class DeposedLeaders {
  readonly #since = new Map<string, number>();
  readonly #ticksMax: number;

  /** @param ticksMax for which a leader may go on after another one was elected */
  constructor(ticksMax: number) {
    this.#ticksMax = ticksMax;
  }

  /** Looks at all members that are up. */
  look(tick: number, members: readonly RaftStatus[]): void {
    const leaders = members.filter(({ role }) => role === "leader");
    const newest = Math.max(...leaders.map(({ term }) => term));
    const deposed = leaders.filter(({ term }) => term < newest);
    const names = new Set<string>(deposed.map(({ self }) => self));
    for (const name of [...this.#since.keys()]) if (!names.has(name)) this.#since.delete(name);
    for (const { self, term } of deposed) {
      const since = this.#since.get(self) ?? tick;
      this.#since.set(self, since);
      check(tick - since <= this.#ticksMax, "a deposed leader does not step down", () => ({
        self,
        term,
        newest,
        ticks: tick - since,
      }));
    }
  }
}
