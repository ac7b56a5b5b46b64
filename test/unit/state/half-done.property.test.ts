// Commands that take several entries, cut short by changes of leader: with so little room in an entry that most of them
// do. Whatever was done of them, the state stays whole, and what has to end by itself ends.
import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { replay } from "../../../src/debugger/replay.ts";
import { asId, asTerm } from "../../../src/kernel/ids.ts";
import type { Command } from "../../../src/state/commands.ts";
import { hasExpired } from "../../../src/state/decide/deadlines.ts";
import { decodeSnapshot, digest, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { Cluster } from "./cluster.ts";
import { begin, type Step, steps, take } from "./random-commands.ts";

vi.mock("../../../src/state/limits.ts", async (original) => ({
  ...(await original<object>()),
  TASKS_AT_ONCE_MAX: 2,
  EXPIRY_EVENTS_MAX: 2,
  EXPIRIES_PER_COMMAND_MAX: 1,
  GONE_AGENTS_MAX: 2,
}));

const EXPIRES_MAX = 400;
/** Steps (random-commands.ts) by which operators say what agents and machines are to do, and agents come and go. */
const DUTY = 79;
const COMINGS_AND_GOINGS = [81, 85, 93, 95];

type Tried = ReturnType<Cluster["try"]>;

/** Another master leads after some entries that are not the last ones of their command. */
class FickleCluster extends Cluster {
  /** After which parts, one bit each, in turn. */
  changes = 0;
  private parts = 0;

  override try(command: Command, over = {}): Tried {
    const { decision, effects, events, next } = this.part(command, over);
    if (next === undefined) return { decision, effects, events };
    const isLost = ((this.changes >> (this.parts % 16)) & 1) === 1;
    this.parts += 1;
    if (!isLost) return this.try(next, over);
    this.part({ kind: "lead", memberId: asId("m2"), term: asTerm(2) }, over);
    const rejection = { code: "agent-unknown", message: "leadership was lost" } as const;
    return { decision: { kind: "rejected", rejection }, effects: [], events: [] };
  }
}

/** What cannot be done because of a change of leader is left out. */
function takeIfPossible(cluster: Cluster, step: Step): void {
  try {
    take(cluster, step);
  } catch (error) {
    const expected = /^rejected: |leadership was lost|^not registered|^not subscribed|^it is not connected/;
    if (!(error instanceof Error) || !expected.test(error.message)) throw error;
  }
}

/** Much more of it than in other histories. */
function withDuties(step: Step): Step {
  if (step.b % 5 === 0) return { ...step, what: DUTY };
  return step.b % 11 === 0 ? { ...step, what: COMINGS_AND_GOINGS[step.a % 4] ?? DUTY } : step;
}

it("are half done without harm, and the rest of it comes to an end", () => {
  fc.assert(
    fc.property(steps, fc.nat({ max: 0xffff }), (all, changes) => {
      const cluster = new FickleCluster();
      begin(cluster);
      cluster.changes = changes;
      for (const step of all) takeIfPossible(cluster, withDuties(step));
      cluster.changes = 0;
      const { now } = cluster.context();
      for (let count = 0; hasExpired(cluster.state, now); count++) {
        expect(count).toBeLessThan(EXPIRES_MAX);
        cluster.try({ kind: "expire" });
      }
      const replayed = replay(undefined, cluster.entries());
      expect(replayed.ok && digest(replayed.value)).toBe(digest(cluster.state));
      const restored = decodeSnapshot(encodeSnapshot(cluster.state));
      expect(restored.ok && digest(restored.value)).toBe(digest(cluster.state));
    }),
    { numRuns: 60 },
  );
});
