// From rounds to the rows of a table.
import type { Round } from "./rounds.ts";

export interface Figures {
  readonly way: string;
  readonly inFlight: number;
  readonly rounds: readonly Round[];
}

const COLUMNS: readonly (readonly [string, (figures: Figures) => string])[] = [
  ["in flight", ({ inFlight }) => String(inFlight)],
  ["commands/s", (each) => whole(overRounds(each, ({ commands, seconds }) => commands / seconds))],
  ["events/s", (each) => whole(overRounds(each, ({ events, seconds }) => events / seconds))],
  ["p50 ms", (each) => tenths(overRounds(each, ({ latencies }) => quantile(latencies, 0.5)))],
  ["p99 ms", (each) => tenths(overRounds(each, ({ latencies }) => quantile(latencies, 0.99)))],
  ["leader µs/event", (each) => tenths(overRounds(each, ({ cpu, events }) => cpu.leader / events))],
  ["follower", (each) => tenths(overRounds(each, ({ cpu, events }) => cpu.followers / 2 / events))],
  ["client", (each) => tenths(overRounds(each, ({ cpu, events }) => cpu.client / events))],
  ["events/s on two cores", (each) => whole(capacity(each))],
];

/** Events a second if both cores did nothing but the three members' work. */
export function capacity(each: Figures): number {
  return overRounds(each, ({ cpu, events }) => (2e6 * events) / (cpu.leader + cpu.followers));
}

export function table(rows: readonly Figures[]): string {
  const cells = [
    ["", ...COLUMNS.map(([name]) => name)],
    ...rows.map((row) => [row.way, ...COLUMNS.map(([, text]) => text(row))]),
  ];
  const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  return cells
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))),
    )
    .map((row) => row.join("  "))
    .join("\n");
}

/** Of ascending numbers. */
export function quantile(ascending: ArrayLike<number>, part: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * part))] ?? Number.NaN;
}

function overRounds({ rounds }: Figures, value: (round: Round) => number): number {
  return quantile(
    rounds.map(value).toSorted((a, b) => a - b),
    0.5,
  );
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function tenths(value: number): string {
  return value.toFixed(1);
}
