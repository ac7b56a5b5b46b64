// The allocator on Mesos' published grid, beside Mesos' own figures: adding all agents; a cycle with everything free; one
// after every framework has declined every agent; one with 99 % of each agent in use; a task ended, and the cycle that
// follows; the longest slice of a master that offers everything; memory with all declined. Each cell in a process of its
// own, the table on the standard output, progress on the other.
//   npm run bench:allocator -- [--grid] [--agents N,...] [--frameworks N,...] [--resources regular,shared,mixed]
//                              [--roles N,...] [--runs N] [--json]
// --grid is the whole grid, which is what there is without any choice too.
import { parseArgs } from "node:util";
import { bytesNeeded, type Figures } from "./cases.ts";
import { CellProcess } from "./cell-process.ts";
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
  "longest slice",
  "longest, cold",
  "slices",
  "memory, declined",
];

const GRID = {
  agents: "1000,10000,20000,50000",
  frameworks: "1,50,200,1000,2000,6000",
  resources: KINDS.join(","),
};

const { values } = parseArgs({
  options: {
    grid: { type: "boolean", default: false },
    agents: { type: "string" },
    frameworks: { type: "string" },
    resources: { type: "string" },
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
  const chosen = values.grid ? GRID : { ...GRID, ...values };
  for (const roles of numbers(values.roles)) {
    for (const resources of kinds(chosen.resources)) {
      for (const agents of numbers(chosen.agents)) {
        for (const frameworks of numbers(chosen.frameworks)) yield { agents, frameworks, resources, roles };
      }
    }
  }
}

/** Mesos' figures are of one role and regular resources. */
function rowOf(cell: Cell, figures: Figures): readonly string[] {
  const isMeasured = cell.roles === 1 && cell.resources === "regular";
  const mesos = isMeasured ? mesosFigures(cell.agents, cell.frameworks) : {};
  return [
    ...nameOf(cell),
    ...CASES.map((name) => showTaken(figures[name], name === "oneFreed" ? undefined : mesos[name])),
    rounded(figures.longestSlice),
    rounded(figures.longestCold),
    String(figures.slices),
    showMemory(cell, figures, mesos),
  ];
}

function nameOf(cell: Cell): readonly string[] {
  return [`${cell.agents} × ${cell.frameworks}`, cell.resources, String(cell.roles)];
}

function showTaken(taken: Taken | null, mesos: number | undefined): string {
  if (taken === null) return "no memory";
  const own = `${rounded(taken.cpu)} (${rounded(taken.wall)})`;
  return mesos === undefined ? own : `${own} : ${mesos} = ${ratio(taken.cpu, mesos)}`;
}

function showMemory(cell: Cell, { memoryGiB }: Figures, { memoryGiB: mesos }: MesosFigures): string {
  if (memoryGiB === null) return `about ${(bytesNeeded(cell) / 2 ** 30).toFixed(0)} GiB, does not fit`;
  const own = `${memoryGiB.toFixed(3)} GiB`;
  return mesos === undefined ? own : `${own} : ${mesos} = ${ratio(memoryGiB, mesos)}`;
}

function ratio(own: number, mesos: number): string {
  return (own / mesos).toPrecision(2);
}

function rounded(millis: number): string {
  return millis < 10 ? millis.toFixed(2) : millis.toFixed(0);
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

function printRow(columns: readonly string[]): void {
  console.log(`| ${columns.join(" | ")} |`);
}

const running = new CellProcess();
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.on(signal, () => {
    running.stop();
    progress("stopped; the cells above are complete");
    process.exit(code);
  });
}

const all = [...cells()];
if (!values.json) {
  console.log("Milliseconds of CPU time (by the clock) : Mesos' by the clock = ratio. Medians.\n");
  printRow(TITLES);
  printRow(TITLES.map(() => "---"));
}
for (const [at, cell] of all.entries()) {
  const started = performance.now();
  const figures = await running.measure(cell, Math.max(1, Number(values.runs)));
  const mesos = mesosFigures(cell.agents, cell.frameworks);
  if (values.json) console.log(JSON.stringify({ ...cell, ...figures, mesos }));
  else if ("problem" in figures) printRow([...nameOf(cell), figures.problem]);
  else printRow(rowOf(cell, figures));
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  progress(`cell ${at + 1} of ${all.length}: ${nameOf(cell).join(", ")} took ${seconds} s`);
}
