// The allocator on Mesos' published grid, beside Mesos' own figures: adding all agents; a cycle with everything free; one
// after every framework has declined every agent; one with 99 % of each agent in use; a task ended, and the cycle that
// follows; the longest call of a master that offers everything; memory with all declined.
//   npm run bench:allocator -- [--agents N,...] [--frameworks N,...] [--resources regular,shared,mixed] [--roles N,...]
//                              [--runs N] [--json]
import { parseArgs } from "node:util";
import { type Figures, measureCell } from "./cases.ts";
import type { Cell, ResourceKind } from "./clusters.ts";
import type { Taken } from "./measure.ts";
import { type MesosFigures, mesosFigures } from "./mesos.ts";

const KINDS: readonly ResourceKind[] = ["regular", "shared", "mixed"];
const CASES = ["addAll", "allFree", "declined", "full", "oneFreed"] as const;
const TITLES = [
  "agents × frameworks",
  "resources",
  "roles",
  "add all",
  "all free",
  "declined",
  "99 % full",
  "one freed",
  "longest call",
  "memory, declined",
];

const { values } = parseArgs({
  options: {
    agents: { type: "string", default: "1000,10000,20000,50000" },
    frameworks: { type: "string", default: "1,50,200,1000,2000,6000" },
    resources: { type: "string", default: KINDS.join(",") },
    roles: { type: "string", default: "1" },
    runs: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});

function numbers(text: string): number[] {
  return text.split(",").map((part) => {
    const number = Number(part);
    if (!Number.isSafeInteger(number) || number < 1) throw new Error(`not a number from 1 on: ${part}`);
    return number;
  });
}

function kinds(text: string): ResourceKind[] {
  return text.split(",").map((part) => {
    const kind = KINDS.find((each) => each === part);
    if (kind === undefined) throw new Error(`resources are ${KINDS.join(", ")}, not ${part}`);
    return kind;
  });
}

function* cells(): Generator<Cell> {
  for (const roles of numbers(values.roles)) {
    for (const resources of kinds(values.resources)) {
      for (const agents of numbers(values.agents)) {
        for (const frameworks of numbers(values.frameworks)) yield { agents, frameworks, resources, roles };
      }
    }
  }
}

/** Mesos' figures are of one role and regular resources. */
function rowOf(cell: Cell, figures: Figures): readonly string[] {
  const isMeasured = cell.roles === 1 && cell.resources === "regular";
  const mesos = isMeasured ? mesosFigures(cell.agents, cell.frameworks) : {};
  return [
    `${cell.agents} × ${cell.frameworks}`,
    cell.resources,
    String(cell.roles),
    ...CASES.map((name) => showTaken(figures[name], name === "oneFreed" ? undefined : mesos[name])),
    rounded(figures.longestCall),
    showMemory(figures, mesos),
  ];
}

function showTaken(taken: Taken | null, mesos: number | undefined): string {
  if (taken === null) return "-";
  const own = `${rounded(taken.cpu)} (${rounded(taken.wall)})`;
  return mesos === undefined ? own : `${own} : ${mesos} = ${ratio(taken.cpu, mesos)}`;
}

function showMemory({ memoryGiB }: Figures, { memoryGiB: mesos }: MesosFigures): string {
  if (memoryGiB === null) return "-";
  const own = `${memoryGiB.toFixed(3)} GiB`;
  return mesos === undefined ? own : `${own} : ${mesos} = ${ratio(memoryGiB, mesos)}`;
}

function ratio(own: number, mesos: number): string {
  return (own / mesos).toPrecision(2);
}

function rounded(millis: number): string {
  return millis < 10 ? millis.toFixed(2) : millis.toFixed(0);
}

if (!values.json) {
  console.log("Milliseconds of CPU time (by the clock) : Mesos' by the clock = ratio. Medians.\n");
  console.log(`| ${TITLES.join(" | ")} |\n| ${TITLES.map(() => "---").join(" | ")} |`);
}
for (const cell of cells()) {
  const figures = measureCell(cell, Math.max(1, Number(values.runs)));
  if (values.json) {
    const mesos = mesosFigures(cell.agents, cell.frameworks);
    console.log(JSON.stringify({ ...cell, ...figures, mesos }));
  } else {
    console.log(`| ${rowOf(cell, figures).join(" | ")} |`);
  }
}
