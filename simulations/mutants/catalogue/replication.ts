// Bugs of replication and commitment: 1, 5, 6, 8 to 11, 24 and 26.
import { type Mutant, often, showsStaleReads } from "../mutant.ts";

export const REPLICATION_MUTANTS: readonly Mutant[] = [
  {
    id: "1a",
    why: "Entries of earlier terms are committed by counting replicas (Raft paper, figure 8).",
    edits: [
      {
        file: "src/raft/leading.ts",
        old: "held <= state.commit || termAt(state.log, held) !== state.term",
        new: "held <= state.commit",
      },
    ],
    world: "raft",
    likely: ({ raft, coups, faultEveryMs: { killed, isolated } }) =>
      raft.messageBytesMax === 1 && coups > 0 && often(killed, isolated),
    seed: 4,
    ticks: 1_500,
  },
  {
    id: "5a",
    why: "A new leader answers reads before it has committed an entry of its own term.",
    edits: [
      {
        file: "src/raft/reads.ts",
        old: "if (state.commit < leader.termStart) leader.earlyReads.push(id);",
        new: "if (state.commit < 0) leader.earlyReads.push(id);",
      },
    ],
    world: "raft",
    likely: ({ coups, client }) => coups > 0 && client.thinkMs.high <= 100,
    seed: 21,
    ticks: 3_000,
  },
  {
    id: "6a",
    why: "Two reads share a round of heartbeats, so that an answer to the first counts for the second.",
    edits: [
      { file: "src/raft/reads.ts", old: "leader.round++;", new: "leader.round = Math.max(1, leader.round);" },
    ],
    world: "raft",
    likely: showsStaleReads,
    seed: 327,
    ticks: 3_000,
  },
  {
    id: "8a",
    why: "Heartbeats carry the leader's commit index to followers whose logs may differ below it.",
    edits: [
      {
        file: "src/raft/sending.ts",
        old: "const commit = asIndex(Math.min(state.commit, progress.match));",
        new: "const commit = state.commit;",
      },
    ],
    world: "raft",
    seed: 9,
    ticks: 3_000,
  },
  {
    id: "9a",
    why: "A follower keeps the suffix that conflicts with what the leader sends.",
    edits: [
      {
        file: "src/raft/entry-log.ts",
        old: "if (termAt(log, entry.index) !== entry.term) return position;",
        new: "if (termAt(log, entry.index) === undefined) return position;",
      },
    ],
    world: "raft",
    seed: 3,
    ticks: 3_000,
  },
  {
    id: "10a",
    why: "An append that was overtaken by later ones cuts off entries that were acknowledged since.",
    edits: [
      {
        file: "src/raft/following.ts",
        old: "const position = firstDifference(state.log, entries);",
        new: "const position = firstDifference(state.log, entries) * 0;",
      },
    ],
    world: "raft",
    likely: ({ faultEveryMs }) =>
      often(faultEveryMs["connection-broken"]) || often(faultEveryMs["path-slow"]),
    seed: 178,
    ticks: 3_000,
  },
  {
    id: "11a",
    why: "A snapshot takes the place of the whole log: at the next start what was appended after it is gone.",
    edits: [
      {
        file: "src/raft/state.ts",
        old: "const rest = entries.filter((entry) => entry.index > base.baseIndex);",
        new: "const rest = snapshot === null ? entries : [];",
      },
    ],
    world: "raft",
    likely: ({ snapshotEvery, faultEveryMs }) =>
      snapshotEvery <= 50 && often(faultEveryMs.killed, faultEveryMs["power-lost"]),
    seed: 24,
    ticks: 3_000,
  },
  {
    id: "11b",
    why: "An installed snapshot keeps a log that conflicts with it.",
    edits: [
      {
        file: "src/raft/snapshots.ts",
        old: "  if (meta.index <= state.commit || termAt(state.log, meta.index) === meta.term) {\n    advanceCommit(state, meta.index);\n  } else {",
        new: "  if (termAt(state.log, meta.index) !== undefined) {\n    advanceCommit(state, meta.index);\n  } else {",
      },
      {
        file: "src/raft/snapshots.ts",
        old: "  if (meta.index <= state.commit || termAt(state.log, meta.index) === meta.term) {\n    advanceCommit(state, meta.index);\n    abortReceive",
        new: "  if (meta.index <= state.commit) {\n    advanceCommit(state, meta.index);\n    abortReceive",
      },
    ],
    world: "raft",
    likely: ({ snapshotEvery, raft, atLeader, faultEveryMs: { isolated, split } }) =>
      snapshotEvery <= 50 && raft.trailingEntriesMax === 0 && atLeader > 0 && often(isolated, split),
    seed: 3_385,
    ticks: 1_500,
  },
  {
    id: "24a",
    why: "Writes that were accepted in the turn of a transfer race with it: what was promised an index is refused.",
    edits: [
      {
        file: "src/raft/node.ts",
        old: 'this.proposals.flush(true);\n    this.feed({ kind: "transfer", to });',
        new: 'this.feed({ kind: "transfer", to });',
      },
    ],
    world: "raft",
    likely: ({ client, disk, faultEveryMs: { transfer, stopped } }) =>
      client.clients > 10 && disk.syncLatencyMs.high >= 60 && often(transfer, stopped),
    seed: 93,
    ticks: 3_000,
  },
  {
    id: "26a",
    why: "An append carries all that a follower lacks in one message, however large.",
    edits: [{ file: "src/raft/entry-log.ts", old: "if (bytes > bytesMax && end > start) break;", new: "" }],
    world: "raft",
    seed: 24,
    ticks: 3_000,
  },
  {
    id: "26b",
    why: "A leader without a majority takes writes without bound.",
    edits: [
      { file: "src/raft/node.ts", old: "< this.tuning.uncommittedBytesMax;", new: ">= 0;" },
      {
        file: "src/raft/leading.ts",
        old: "leader.uncommittedBytes >= state.tuning.uncommittedBytesMax",
        new: "leader.uncommittedBytes < 0",
      },
    ],
    world: "raft",
    likely: ({ client, raft }) => raft.uncommittedBytesMax === 2_000 && client.payloadBytes.high > 20,
    seed: 15,
    ticks: 3_000,
  },
];
