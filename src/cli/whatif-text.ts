// The report of `tepui whatif` in words and tables.
import { mean, type Row, type WhatifReport } from "../debugger/index.ts";
import { table } from "./table.ts";

const ASSUMPTIONS = `What is assumed:
- Frameworks want what they started in the log, and nothing else: a task that was never started is not in the log.
- A task is wanted since its framework came, or ended its suppression, or last refused an offer that would have held it.
- Tasks last as long as they did, on whichever agent. Agents are alike but for their size; ports are always free.
- Offers are answered after the framework's usual time, the first tasks that fit are started, and the rest is refused
  for as long as the framework refused it in the log. A framework may have decided otherwise, had it been offered
  something else.`;

export function whatifText(report: WhatifReport): string {
  const { recorded, baseline, other } = report;
  const seconds = (report.until - report.from) / 1_000;
  const from = new Date(report.from).toISOString();
  return [
    `${seconds} s from ${from}; in each column: recorded policy → other policy (difference). Both are simulated.`,
    "",
    differences(baseline.rows, other.rows),
    "",
    "How far the simulation of the recorded policy is from what really happened (really → simulated):",
    "",
    differences(
      recorded.rows.filter(({ frameworkId }) => frameworkId === null),
      baseline.rows.filter(({ frameworkId }) => frameworkId === null),
    ),
    `Roles' shares are off by ${percent(shareDistance(recorded.rows, baseline.rows))} on average.`,
    "",
    ASSUMPTIONS,
    "",
  ].join("\n");
}

function differences(before: readonly Row[], after: readonly Row[]): string {
  const others = new Map(after.map((row) => [keyOf(row), row]));
  const rows = before.map((row) => [row, others.get(keyOf(row)) ?? NOTHING] as const);
  const known = new Set(before.map(keyOf));
  for (const row of after) if (!known.has(keyOf(row))) rows.push([{ ...row, ...NOTHING }, row]);
  const headers = ["ROLE", "FRAMEWORK", "OFFERS", "STARTED", "WAITING", "MEAN WAIT", "P99 WAIT", "SHARE"];
  return table(
    headers,
    rows.map(([a, b]) => cells(a, b)),
  );
}

const NOTHING = { offers: 0, started: 0, waiting: 0, meanWaitMs: null, p99WaitMs: null, meanShare: 0 };
type Numbers = typeof NOTHING | Row;

function cells(a: Row, b: Numbers): readonly string[] {
  return [
    printable(a.role),
    a.frameworkId === null ? "" : printable(a.name === null ? a.frameworkId : `${a.name} (${a.frameworkId})`),
    change(a.offers, b.offers, String),
    change(a.started, b.started, String),
    change(a.waiting, b.waiting, String),
    change(a.meanWaitMs, b.meanWaitMs, secondsText),
    change(a.p99WaitMs, b.p99WaitMs, secondsText),
    change(a.meanShare, b.meanShare, percent),
  ];
}

function change(a: number | null, b: number | null, text: (value: number) => string): string {
  const [before, after] = [a, b].map((value) => (value === null ? "-" : text(value)));
  if (before === after) return `${before}`;
  if (a === null || b === null) return `${before} → ${after}`;
  return `${before} → ${after} (${b > a ? "+" : ""}${text(b - a)})`;
}

function shareDistance(a: readonly Row[], b: readonly Row[]): number {
  const others = new Map(b.map((row) => [keyOf(row), row]));
  const distances = a
    .filter(({ frameworkId }) => frameworkId === null)
    .map((row) => {
      const other = others.get(keyOf(row))?.shares ?? [];
      return mean(row.shares.map((share, at) => Math.abs(share - (other[at] ?? 0))));
    });
  return distances.length === 0 ? 0 : mean(distances);
}

function keyOf({ role, frameworkId }: Row): string {
  return JSON.stringify([role, frameworkId]);
}

function secondsText(ms: number): string {
  return `${(ms / 1_000).toFixed(3)} s`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Names are the frameworks' own. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "\ufffd");
}
