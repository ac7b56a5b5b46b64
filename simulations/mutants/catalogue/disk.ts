// Bugs of the disk: 3, 17 to 19 and 21.
import { type Mutant, often } from "../mutant.ts";

const WRITER = "src/log/segment-writer.ts";

export const DISK_MUTANTS: readonly Mutant[] = [
  {
    id: "3b",
    why: "Appends count as durable without a sync.",
    edits: [
      {
        file: WRITER,
        old: "    await file.sync();\n  }\n\n  async #beginSegment",
        new: "  }\n\n  async #beginSegment",
      },
    ],
    world: "raft",
    seed: 1,
    ticks: 3_000,
  },
  {
    id: "17a",
    why: "Zeros after the last batch, which every crash can leave, are taken for damage.",
    edits: [
      {
        file: "src/log/tail.ts",
        old: 'return { kind: "zeros" };',
        new: 'return damage("zeros");',
      },
    ],
    world: "raft",
    seed: 1,
    ticks: 3_000,
  },
  {
    id: "17b",
    why: "A torn tail is taken for damage, so that the member does not come up again.",
    edits: [
      {
        file: "src/log/tail.ts",
        old: 'return cut("sectors of the last batch were not written");',
        new: 'return damage("sectors of the last batch were not written");',
      },
    ],
    world: "raft",
    likely: ({ client, faultEveryMs }) => client.payloadBytes.high > 20 && often(faultEveryMs["power-lost"]),
    seed: 23,
    ticks: 3_000,
  },
  {
    id: "17c",
    why: "The checksums of records are not compared, so that a torn batch is read as if it were whole.",
    edits: [
      {
        file: "src/log/segment-scan.ts",
        old: "if (chain !== view.getUint32(at, true)) return undefined;",
        new: "",
      },
    ],
    world: "raft",
    likely: ({ client, faultEveryMs }) => client.payloadBytes.high > 20 && often(faultEveryMs["power-lost"]),
    seed: 23,
    ticks: 3_000,
  },
  {
    id: "18a",
    why: "A sync that failed is tried again, and the second one succeeds without writing anything.",
    edits: [
      {
        file: WRITER,
        old: "    await file.sync();\n  }\n\n  async #beginSegment",
        new: "    await file.sync().catch(() => file.sync());\n  }\n\n  async #beginSegment",
      },
    ],
    world: "raft",
    likely: ({ faultEveryMs }) => often(faultEveryMs["disk-fails"]) && often(faultEveryMs["power-lost"]),
    seed: 59,
    ticks: 3_000,
  },
  {
    id: "19a",
    why: "A leader counts itself before its own write is done; if that fails, a minority holds what was committed.",
    edits: [
      {
        file: "src/raft/leading.ts",
        old: "member === state.self ? state.durability.durableIndex :",
        new: "member === state.self ? lastIndex(state.log) :",
      },
    ],
    world: "raft",
    seed: 2,
    ticks: 3_000,
  },
  {
    id: "19b",
    why: "A write that fails after its entries were sent is passed over, and the member goes on.",
    edits: [
      {
        file: "src/raft/write-queue.ts",
        old: "return this.options.storage.append(batch);",
        new: "return this.options.storage.append(batch).catch(() => undefined);",
      },
    ],
    world: "raft",
    seed: 2,
    ticks: 3_000,
  },
  {
    id: "21a",
    why: "A write that found the disk full is taken for done.",
    edits: [
      {
        file: WRITER,
        old: "await file.write(this.#end, bytes);",
        new: "await file.write(this.#end, bytes).catch(() => undefined);",
      },
    ],
    world: "raft",
    likely: ({ faultEveryMs }) =>
      often(faultEveryMs["disk-full"]) && often(faultEveryMs["power-lost"], faultEveryMs.killed),
    seed: 53,
    ticks: 3_000,
  },
];
