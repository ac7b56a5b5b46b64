// `npm run omega`: the Omega paper's figure 7 under Mesos' offers and under optimistic ones, as a table, and as a drawing in
// docs/images. The same seed gives the same figures; nothing in it is measured by a clock.
import { writeFileSync } from "node:fs";
import { type Outcome, runOmega } from "./experiment.ts";
import { type Curve, type Point, svgOf } from "./plot.ts";

const SEEDS = ["1", "2"];
const DECISIONS_MS = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000];
const LENGTH_MS = 3_600_000;
const ATTEMPTS_MAX = 1_000;
const DRAWING = new URL("../../docs/images/omega-figure-7.svg", import.meta.url);

const ARMS = [
  { name: "offers as in Mesos", colour: "#c0392b", optimisticAfterMs: null },
  { name: "--optimistic-offers-after 5", colour: "#2980b9", optimisticAfterMs: 5_000 },
  { name: "--optimistic-offers-after 0", colour: "#27ae60", optimisticAfterMs: 0 },
] as const;

function main(): void {
  const curves: Curve[] = [];
  print(
    "offers",
    "service decides in",
    "batch wait",
    "p90",
    "abandoned",
    "unplaced",
    "service placed",
    "lost",
  );
  for (const { name, colour, optimisticAfterMs } of ARMS) {
    const points = DECISIONS_MS.map((decisionMs) => sweepPoint(name, decisionMs, optimisticAfterMs));
    curves.push({ name, colour, points });
  }
  const title = "A batch framework beside a service framework that decides slowly (Omega, figure 7)";
  writeFileSync(DRAWING, svgOf(title, curves));
}

function sweepPoint(name: string, decisionMs: number, optimisticAfterMs: number | null): Point {
  const outcomes = SEEDS.map((seed) =>
    runOmega({
      seed,
      serviceDecisionMs: decisionMs,
      optimisticAfterMs,
      attemptsMax: ATTEMPTS_MAX,
      lengthMs: LENGTH_MS,
    }),
  );
  const total = (of: (outcome: Outcome) => number) => outcomes.reduce((all, outcome) => all + of(outcome), 0);
  const placed = total(({ batch }) => batch.placed);
  const jobs = total(({ batch }) => batch.jobs);
  const meanWaitMs = total(({ batch }) => batch.meanWaitMs * batch.placed) / placed;
  print(
    name,
    seconds(decisionMs),
    seconds(meanWaitMs),
    seconds(total(({ batch }) => batch.p90WaitMs) / SEEDS.length),
    String(total(({ batch }) => batch.abandoned)),
    percent((jobs - placed) / jobs),
    percent(total(({ service }) => service.placed) / total(({ service }) => service.jobs)),
    String(total(({ service }) => service.lostOffers)),
  );
  return { decisionMs, meanWaitMs, unplaced: (jobs - placed) / jobs };
}

function print(...cells: readonly string[]): void {
  const [first = "", ...rest] = cells;
  process.stdout.write(`${first.padEnd(28)}${rest.map((cell) => cell.padStart(19)).join("")}\n`);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

main();
