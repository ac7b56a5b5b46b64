// Ticks that are passed over: they are those at which the core would have done nothing.
import { describe, expect, it } from "vitest";
import { below, pick, seededRandom } from "../../../src/kernel/random.ts";
import { step } from "../../../src/raft/core.ts";
import { emptyOutput } from "../../../src/raft/io.ts";
import { passQuietTicks, quietTicks } from "../../../src/raft/quiet.ts";
import type { RaftState } from "../../../src/raft/state.ts";
import { CoreCluster, memberId } from "./support/core-cluster.ts";
import { OneCore } from "./support/one-core.ts";
import { act, calm, type Perils } from "./support/schedule.ts";
import { Truth } from "./support/truth.ts";

const SEEDS = 6;
const STEPS = 1_500;
/** Copies of states are made and compared now and then only: they are large. */
const LOOK_STEPS = 10;

/** Of the same past; what it draws is its own. */
function copyOf({ random: _, ...state }: RaftState): RaftState {
  return { ...structuredClone(state), random: seededRandom("copy") };
}

function contentOf({ random: _, ...state }: RaftState): Omit<RaftState, "random"> {
  return state;
}

/** @returns how many ticks were passed over */
function compare(core: RaftState, most: number): number {
  const count = Math.min(most, quietTicks(core));
  const ticked = copyOf(core);
  const passed = copyOf(core);
  for (let i = 0; i < count; i++) expect(step(ticked, { kind: "tick" })).toEqual(emptyOutput());
  passQuietTicks(passed, count);
  expect(contentOf(passed)).toEqual(contentOf(ticked));
  return count;
}

function search(name: string, perils: Perils, lease: boolean): Record<string, number> {
  const passed: Record<string, number> = { follower: 0, precandidate: 0, candidate: 0, leader: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = seededRandom(`${name} ${seed}`);
    const tuning = { heartbeatTicks: 4, ...(lease ? { leaseReads: true, leaseTicks: 8 } : {}) };
    const cluster = new CoreCluster(pick(random, [1, 3, 5]), { seed: `${name} ${seed}`, tuning });
    cluster.autoPersist = false;
    const truth = new Truth(`${name} ${seed}`, cluster.membership);
    cluster.watch = (member, output) => truth.watch(member, output);
    for (let i = 0; i < STEPS; i++) {
      act(cluster, truth, perils, random, i);
      if (i % LOOK_STEPS !== 0) continue;
      const { core, up } = pick(random, [...cluster.members.values()]);
      const kind = core.role.kind;
      if (up) passed[kind] = (passed[kind] ?? 0) + compare(core, 1 + below(random, 20));
    }
  }
  return passed;
}

describe("quiet ticks", () => {
  it.each([
    ["usual", {}, false],
    ["changes", { names: 7 }, false],
    ["losses", { losses: true }, false],
    ["lease", {}, true],
  ] as const)("send nothing and change nothing but the count of ticks: %s", (name, perils, lease) => {
    const passed = search(name, perils, lease);
    expect(passed.follower).toBeGreaterThan(500);
    expect(passed.leader).toBeGreaterThan(20);
  });

  it("are all until the next heartbeat and the next election of a cluster at rest", () => {
    const cluster = new CoreCluster(3, { tuning: { heartbeatTicks: 4 } });
    calm(cluster);
    for (const { core } of cluster.members.values()) {
      const { role, tuning } = core;
      if (role.kind === "leader") {
        expect(quietTicks(core)).toBe(tuning.heartbeatTicks - role.heartbeatElapsed - 1);
      } else expect(quietTicks(core)).toBe(core.timeout - core.elapsed - 1);
    }
  });

  it.each([
    ["one of three", 3],
    ["alone", 1],
  ])(
    "are those of a founder, too, that waits for a group's leader because it may found none: %s",
    (_, members) => {
      const core = new OneCore({ forgetful: true, members });
      core.take({ kind: "founded-elsewhere", by: memberId(2) });
      core.timeOut();
      expect(core.state.role.kind).toBe("follower");
      expect(quietTicks(core.state)).toBeGreaterThanOrEqual(core.state.tuning.electionMinTicks - 1);
    },
  );
});
