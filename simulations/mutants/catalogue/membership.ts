// Bugs of membership changes and of leases: 4, 7, 12 and 23.
import { type Mutant, often, showsStaleReads } from "../mutant.ts";

type Likely = NonNullable<Mutant["likely"]>;

const changesOften: Likely = ({ faultEveryMs }) => often(faultEveryMs["member-removed"]);

export const MEMBERSHIP_MUTANTS: readonly Mutant[] = [
  {
    id: "4a",
    why: "While two configurations are in force, the majority of the new one decides alone.",
    edits: [
      {
        file: "src/raft/membership.ts",
        old: "return Math.min(incoming, majorityValue(membership.outgoing, reached));",
        new: "return incoming;",
      },
    ],
    world: "raft",
    likely: changesOften,
    seed: 25,
    ticks: 3_000,
  },
  {
    id: "4b",
    why: "A leader changes the membership before its term has begun to commit, and before the last change is committed.",
    edits: [
      {
        file: "src/raft/changing.ts",
        old: 'if (this.pending !== null) return Promise.reject(new MembershipError("busy"));',
        new: "",
      },
      {
        file: "src/raft/changes.ts",
        old: "state.commit >= leader.termStart && !isUnsettled(state) && !isJoint(state.membership)",
        new: "!isJoint(state.membership)",
      },
      {
        file: "src/raft/changes.ts",
        old: "if (state.commit < leader.termStart || isUnsettled(state)) return;",
        new: "",
      },
    ],
    world: "raft",
    likely: ({ atLeader, cutMs, faultEveryMs }) =>
      atLeader > 0 &&
      cutMs.high >= 3_000 &&
      faultEveryMs["member-removed"] === 700 &&
      often(faultEveryMs.isolated, faultEveryMs.split),
    seed: 131,
    ticks: 3_000,
  },
  {
    id: "7a",
    why: "A leader that has told another member to stand goes on reading by its lease.",
    edits: [
      {
        file: "src/raft/lease.ts",
        old: "!state.tuning.leaseReads || leader.transferred ||",
        new: "!state.tuning.leaseReads ||",
      },
    ],
    world: "raft",
    likely: ({ raft, faultEveryMs, client, disk, latencyUs }) =>
      raft.leaseReads === true &&
      client.thinkMs.high <= 100 &&
      client.clients >= 4 &&
      disk.syncLatencyMs.high <= 10 &&
      latencyUs.high <= 10_000 &&
      often(faultEveryMs.transfer),
    seed: 2_285,
    ticks: 1_000,
  },
  {
    id: "7b",
    why: "A lease lasts longer than the time for which followers support no other candidate.",
    edits: [
      {
        file: "src/raft/lease.ts",
        old: "state.now - newest.at < state.tuning.leaseTicks",
        new: "state.now - newest.at < 3 * state.tuning.leaseTicks",
      },
      {
        file: "src/raft/lease.ts",
        old: "state.now - at <= state.tuning.leaseTicks",
        new: "state.now - at <= 3 * state.tuning.leaseTicks",
      },
    ],
    world: "raft",
    likely: (options) => options.raft.leaseReads === true && showsStaleReads(options),
    seed: 7_327,
    ticks: 1_000,
  },
  {
    id: "12a",
    why: "A member that installs a snapshot keeps the membership it had, and not the one in the snapshot.",
    edits: [
      {
        file: "src/raft/durability.ts",
        old: "replaceHistory(state, [{ index: meta.index, membership: meta.membership }]);",
        new: "replaceHistory(state, [{ index: meta.index, membership: state.membership }]);",
      },
    ],
    world: "raft",
    likely: (options) => changesOften(options) && options.snapshotEvery <= 50,
    seed: 17,
    ticks: 3_000,
  },
  {
    id: "12b",
    why: "A member that starts from a snapshot takes the membership it was configured with.",
    edits: [
      {
        file: "src/raft/state.ts",
        old: "membership: snapshot?.membership ?? options.membership,",
        new: "membership: options.membership,",
      },
    ],
    world: "raft",
    likely: (options) => changesOften(options) && options.snapshotEvery <= 50,
    seed: 17,
    ticks: 3_000,
  },
  {
    id: "23a",
    why: "A leader that was removed counts itself among those who hold an entry.",
    edits: [
      {
        file: "src/raft/leading.ts",
        old: "const held = quorumValue(state.membership, (member) =>",
        new: "const { voters } = state.membership; const held = quorumValue({ ...state.membership, voters: [...new Set([...voters, state.self])] }, (member) =>",
      },
    ],
    world: "raft",
    likely: (options) => changesOften(options) && options.atLeader > 0,
    seed: 25,
    ticks: 3_000,
  },
  {
    id: "23b",
    why: "A member whose removal is not yet committed does not stand, so that nobody may be left who can win.",
    edits: [
      {
        file: "src/raft/election.ts",
        old: "return before !== null && isVoter(before, state.self);",
        new: "return false;",
      },
    ],
    world: "raft",
    likely: ({ members, faultEveryMs }) => members === 3 && often(faultEveryMs["member-removed"]),
    seed: 1_073,
    ticks: 1_000,
  },
];
