// Random schedules of a small cluster. After every few steps the properties of the Raft paper's figure 3 are checked, and
// after the storm the cluster must come to rest and commit.
import { describe, expect, it } from "vitest";
import { pick, seededRandom } from "../../../src/kernel/random.ts";
import { everyMember } from "../../../src/raft/membership.ts";
import { CoreCluster, show } from "./support/core-cluster.ts";
import { act, calm, type Perils, proposeAnywhere, rest } from "./support/schedule.ts";
import { Truth } from "./support/truth.ts";

/** Set RAFT_SCHEDULES for a longer search. */
const SEEDS = Number(process.env.RAFT_SCHEDULES ?? 25);
const STEPS = 4000;

interface Sum {
  committed: number;
  leaders: number;
  restores: number;
  memberships: number;
  healed: number;
  reads: number;
}

function search(name: string, perils: Perils, lease = false): Sum {
  const sum: Sum = { committed: 0, leaders: 0, restores: 0, memberships: 0, healed: 0, reads: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const truth = run(`${name} ${seed}`, perils, lease);
    sum.committed += truth.committed.size;
    sum.leaders += truth.leaders.size;
    sum.restores += truth.restores;
    sum.memberships += truth.memberships.size;
    sum.healed += truth.healed;
    sum.reads += truth.reads;
  }
  return sum;
}

function run(name: string, perils: Perils, lease: boolean): Truth {
  const random = seededRandom(name);
  const size = pick(random, [3, 3, 5]);
  const tuning = { messageBytesMax: 120, inflightMessagesMax: 4, snapshotWindowChunks: 2 };
  // The longest lease that is safe when all members tick together.
  const reading = lease ? { leaseReads: true, leaseTicks: 8 } : {};
  const cluster = new CoreCluster(size, { seed: name, tuning: { ...tuning, ...reading } });
  cluster.autoPersist = false;
  cluster.chunkBytes = 100;
  const truth = new Truth(name, cluster.membership);
  cluster.watch = (member, output) => truth.watch(member, output);
  for (let i = 0; i < STEPS; i++) {
    act(cluster, truth, perils, random, i);
    if (i % 10 === 0) truth.checkLogs(cluster);
  }
  truth.checkMemberships();
  return truth;
}

describe("random schedules", () => {
  it("keep election safety, log matching, leader completeness and state machine safety (figure 3)", () => {
    const sum = search("schedule", {});
    // A run in which nothing happens would check nothing.
    expect(sum.restores).toBeGreaterThan(SEEDS / 10);
    expect(sum.committed).toBeGreaterThan(SEEDS * 20);
    expect(sum.leaders).toBeGreaterThan(SEEDS * 3);
  });

  it("keep them while members come, are promoted and go", () => {
    const sum = search("changes", { names: 7 });
    expect(sum.memberships).toBeGreaterThan(SEEDS * 2);
    expect(sum.committed).toBeGreaterThan(SEEDS * 20);
  });

  it("keep them while disks lose what was durable", () => {
    const sum = search("losses", { losses: true });
    expect(sum.healed).toBeGreaterThan(SEEDS * 3);
    expect(sum.committed).toBeGreaterThan(SEEDS * 20);
  });

  it("keep them while both happens", () => {
    const sum = search("both", { names: 7, losses: true });
    expect(sum.healed).toBeGreaterThan(SEEDS * 3);
    expect(sum.memberships).toBeGreaterThan(SEEDS);
  });

  it("never serve an old read, by round or by lease", () => {
    const sum = search("leases", { names: 6, losses: true, oneClock: true, partitions: true }, true);
    expect(sum.reads).toBeGreaterThan(SEEDS * 3);
  });
});

describe("after the storm", () => {
  it.each([
    ["crashes", {}],
    ["changes", { names: 6 }],
    ["losses", { losses: true }],
    ["both", { names: 6, losses: true }],
  ] as const)(
    "of %s a cluster whose messages arrive elects a leader and commits (liveness)",
    (kind, perils) => {
      for (let seed = 1; seed <= SEEDS / 2; seed++) {
        const name = `storm of ${kind} ${seed}`;
        const random = seededRandom(name);
        const cluster = new CoreCluster(3, { seed: name });
        const truth = new Truth(name, cluster.membership);
        cluster.watch = (member, output) => truth.watch(member, output);
        // A cluster is founded by all its members together (docs/decisions/0027).
        calm(cluster);
        cluster.autoPersist = false;
        for (let i = 0; i < 1500; i++) act(cluster, truth, perils, random, i);
        calm(cluster);
        const leader = proposeAnywhere(cluster, "after");
        if (leader === undefined) throw new Error(`${name}: no leader`);
        rest(cluster, 40);
        for (const id of everyMember(leader.core.membership)) {
          const member = cluster.members.get(id);
          expect(member?.applied.map(show), `${name}, ${id}`).toEqual(leader.applied.map(show));
        }
        expect(leader.applied.map(show).at(-1), name).toMatch(/:after$/);
      }
    },
  );
});
