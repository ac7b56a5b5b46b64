// Bugs of elections: 2, 3, 13 to 16 and 20.
import type { Mutant } from "../mutant.ts";

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
    seed: 1,
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
    seed: 1,
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
        old: 'state.role = { kind: "precandidate", votes',
        new: 'state.votedFor = null; state.role = { kind: "precandidate", votes',
      },
      {
        file: "src/log/log.ts",
        old: 'assert(next.votedFor === votedFor, "a vote',
        new: 'assert(true, "a vote',
      },
    ],
    world: "raft",
    seed: 1,
    ticks: 3_000,
  },
  {
    id: "13b",
    why: "Pre-votes that were granted count as votes.",
    edits: [
      {
        file: "src/raft/election.ts",
        old: 'state.role = { kind: "candidate", votes: new Map(),',
        new: 'state.role = { kind: "candidate", votes: state.role.kind === "precandidate" ? state.role.votes : new Map(),',
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
    seed: 1,
    ticks: 3_000,
  },
  {
    id: "14a",
    why: "Pre-votes are granted against a living leader, so that a member which cannot hear it unseats it.",
    edits: [
      {
        file: "src/raft/election.ts",
        old: "message.forTerm > state.term && !hasLiveLeader(state) &&",
        new: "message.forTerm > state.term &&",
      },
    ],
    world: "raft",
    seed: 1,
    ticks: 3_000,
  },
  {
    id: "14b",
    why: "With pre-vote and without check-quorum a leader that nobody answers keeps the others from electing one.",
    edits: [
      {
        file: "src/raft/leading.ts",
        old: "if (stalled || lacksQuorum(state, leader)) {",
        new: "if (stalled) {",
      },
    ],
    world: "raft",
    seed: 1,
    ticks: 3_000,
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
    seed: 1,
    ticks: 3_000,
  },
  {
    id: "16a",
    why: "A candidate that repeats its request is refused by the member that voted for it.",
    edits: [
      {
        file: "src/raft/election.ts",
        old: "const granted = (free || state.votedFor === message.from) &&",
        new: "const granted = free &&",
      },
    ],
    world: "raft",
    seed: 1,
    ticks: 3_000,
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
    seed: 1,
    ticks: 3_000,
  },
];
