// Bugs of elections: 2, 3, 13 to 16 and 20.
import { hasFixedMembers } from "../../raft-world/options.ts";
import { type Mutant, often } from "../mutant.ts";

export const ELECTION_MUTANTS: readonly Mutant[] = [
  {
    id: "2a",
    why: "Term and vote are never written to disk.",
    edits: [
      {
        file: "src/raft/durability.ts",
        old: "hardState: changed ? hardState : null",
        new: "hardState: null",
      },
    ],
    world: "raft",
    likely: ({ struckVoters, faultEveryMs: { isolated, split, killed } }) =>
      struckVoters > 0 && often(isolated, split, killed),
    seed: 9,
    ticks: 3_000,
  },
  {
    id: "2b",
    why: "The vote is on disk and is forgotten at the next start.",
    edits: [
      { file: "src/raft/state.ts", old: "votedFor: hardState.votedFor,", new: "votedFor: null," },
      {
        file: "src/log/log.ts",
        old: 'assert(next.votedFor === votedFor, "a vote',
        new: 'assert(true, "a vote',
      },
    ],
    world: "raft",
    likely: ({ struckVoters, faultEveryMs: { isolated, split, killed } }) =>
      struckVoters > 0 && often(isolated, split, killed),
    seed: 14,
    ticks: 3_000,
  },
  {
    id: "3a",
    why: "Votes and acknowledgements leave before what they promise is on disk.",
    edits: [
      {
        file: "src/raft/durability.ts",
        old: "withheld.push({ afterWrite: THIS_STEP, message });",
        new: "withheld.push({ afterWrite: 0, message });",
      },
    ],
    world: "raft",
    seed: 1,
    ticks: 3_000,
  },
  {
    id: "13a",
    why: "Asking for pre-votes takes back the vote of the current term.",
    edits: [
      {
        file: "src/raft/election.ts",
        old: "export function becomePreCandidate(state: RaftState, out: Output): void {",
        new: "export function becomePreCandidate(state: RaftState, out: Output): void { state.votedFor = null;",
      },
      {
        file: "src/log/log.ts",
        old: 'assert(next.votedFor === votedFor, "a vote',
        new: 'assert(true, "a vote',
      },
    ],
    world: "raft",
    likely: ({ latencyUs, faultEveryMs: { isolated, split } }) =>
      latencyUs.high >= 10_000 && often(isolated, split),
    seed: 27,
    ticks: 3_000,
  },
  {
    id: "13b",
    why: "Pre-votes that were granted count as votes.",
    edits: [
      {
        file: "src/raft/election.ts",
        old: 'state.role = { kind: "candidate", votes: new Map()',
        new: 'state.role = { kind: "candidate", votes: "votes" in state.role ? state.role.votes : new Map()',
      },
    ],
    world: "raft",
    seed: 1,
    ticks: 3_000,
  },
  {
    id: "13c",
    why: "Pre-votes of a member in a lower term get no answer, though its log may be the only good one.",
    edits: [
      {
        file: "src/raft/core.ts",
        old: 'if (message.kind === "pre-vote") {',
        new: 'if (message.kind === "pre-vote" && message.term < state.term) return;\n  if (message.kind === "pre-vote") {',
      },
    ],
    world: "raft",
    likely: (options) =>
      options.members === 3 &&
      hasFixedMembers(options) &&
      often(options.faultEveryMs.isolated, options.faultEveryMs.split),
    seed: 75,
    ticks: 500,
  },
  {
    id: "14a",
    why: "A member in a higher term does not answer the leader, which refuses its pre-votes: it never comes back.",
    edits: [
      {
        file: "src/raft/core.ts",
        old: "if (leads) out.messages.push(",
        new: "if (leads && term < 0) out.messages.push(",
      },
    ],
    world: "raft",
    likely: ({ cutMs, disk, faultEveryMs: { isolated, split } }) =>
      cutMs.high <= 500 && disk.syncLatencyMs.high >= 60 && often(isolated, split),
    seed: 6_664,
    ticks: 500,
  },
  {
    id: "14b",
    why: "Without check-quorum a leader that nobody answers leads on, with the clients that it has.",
    edits: [
      {
        file: "src/raft/leading.ts",
        old: "if (stalled || lacksQuorum(state, leader)) {",
        new: "if (stalled) {",
      },
    ],
    world: "raft",
    likely: ({ atLeader, cutMs, faultEveryMs: { isolated, split } }) =>
      atLeader > 0 && cutMs.high >= 3_000 && often(isolated, split),
    seed: 9,
    ticks: 2_000,
  },
  {
    id: "15a",
    why: "The election timeout is the same for all and for ever, so that votes split again and again.",
    edits: [
      {
        file: "src/raft/timeouts.ts",
        old: "return between(random, tuning.electionMinTicks, tuning.electionMaxTicks);",
        new: "return tuning.electionMinTicks;",
      },
    ],
    world: "raft",
    likely: hasFixedMembers,
    seed: 3,
    ticks: 300,
  },
  {
    id: "16a",
    why: "A candidate that repeats its request is refused by the member that voted for it.",
    edits: [
      {
        file: "src/raft/election.ts",
        old: "(free || state.votedFor === message.from)",
        new: "free",
      },
    ],
    world: "raft",
    likely: ({ disk, raft }) => disk.syncLatencyMs.low >= 90 && raft.heartbeatMs === 50,
    seed: 9,
    ticks: 300,
  },
  {
    id: "20a",
    why: "A leader whose disk hangs leads on, and nothing is taken any more.",
    edits: [
      {
        file: "src/raft/leading.ts",
        old: "const stalled = isStalled(state, state.tuning.storageStallTicks);",
        new: "const stalled = false;",
      },
    ],
    world: "raft",
    likely: hasFixedMembers,
    seed: 71,
    ticks: 300,
  },
];
