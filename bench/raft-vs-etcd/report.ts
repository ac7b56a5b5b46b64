// The figures beside each other, what they are as ratios, and which targets they meet.
import type { EventsFigures } from "./events.ts";
import type { FailoverFigures } from "./failover.ts";
import { median } from "./level.ts";
import type { MemoryFigures } from "./memory.ts";
import type { Way, Writes, WritesRow } from "./writes.ts";

export interface Results {
  readonly machine: string;
  readonly writes: Writes | null;
  readonly events: readonly EventsFigures[] | null;
  readonly failover: FailoverFigures | null;
  readonly memory: MemoryFigures | null;
}

export interface Target {
  readonly what: string;
  readonly figure: number;
  readonly bound: number;
  /** Whether the figure should be at least or at most the bound. */
  readonly kind: "at least" | "at most";
  readonly unit: string;
}

const EVENTS_PER_SECOND = 50_000;
const FAILOVER_MS = 500;
/** Of live memory, from the first quarter of the samples to the last: more than this counts as growth. */
const GROWTH_MAX = 1.1;

export function isMet({ kind, figure, bound }: Target): boolean {
  return kind === "at least" ? figure >= bound : figure <= bound;
}

export function targetsOf(results: Results): readonly Target[] {
  return [
    ...(results.writes === null ? [] : writeTargets(results.writes)),
    ...(results.events === null ? [] : results.events.map(eventsTarget)),
    ...(results.failover === null ? [] : [failoverTarget(results.failover)]),
    ...(results.memory === null ? [] : [memoryTarget(results.memory)]),
  ];
}

function writeTargets(writes: Writes): readonly Target[] {
  const level = (way: Way, writers: number) =>
    writes.rows.find((row) => row.way === way && row.writers === writers)?.level;
  const etcd = (writers: number) => level("etcd, our client", writers);
  const agents = (writers: number) => level("Tepui, agents' connections", writers);
  const perf = writes.checkPerf.map(({ writesPerSecond }) => writesPerSecond);
  const own = etcd(1000)?.writesPerSecond ?? Number.NaN;
  const better = Math.max(own, ...(perf.length === 0 ? [] : [median(perf)]));
  const ratio = (above: number | undefined, below: number | undefined): number =>
    (above ?? Number.NaN) / (below ?? Number.NaN);
  const toEtcd = { unit: "× etcd" } as const;
  return [
    {
      what: "agents' connections, 1,000 writers: writes/s",
      figure: ratio(agents(1000)?.writesPerSecond, better),
      bound: 5,
      kind: "at least",
      ...toEtcd,
    },
    {
      what: "agents' connections, 1,000 writers: p99",
      figure: ratio(agents(1000)?.p99, etcd(1000)?.p99),
      bound: 0.2,
      kind: "at most",
      ...toEtcd,
    },
    {
      what: "agents' connections, one writer: p50",
      figure: ratio(agents(1)?.p50, etcd(1)?.p50),
      bound: 1,
      kind: "at most",
      ...toEtcd,
    },
    {
      what: "HTTP calls, 1,000 writers: writes/s",
      figure: ratio(level("Tepui, HTTP calls", 1000)?.writesPerSecond, better),
      bound: 1.5,
      kind: "at least",
      ...toEtcd,
    },
  ];
}

function eventsTarget({ way, eventsPerSecond }: EventsFigures): Target {
  return {
    what: `${way}: events/s`,
    figure: eventsPerSecond,
    bound: EVENTS_PER_SECOND,
    kind: "at least",
    unit: "events/s",
  };
}

function failoverTarget({ kills, median: figure }: FailoverFigures): Target {
  return {
    what: `SIGKILL of the leader to the next commit, median of ${kills}`,
    figure,
    bound: FAILOVER_MS,
    kind: "at most",
    unit: "ms",
  };
}

function memoryTarget({ samples }: MemoryFigures): Target {
  const quarter = Math.max(1, Math.floor(samples.length / 4));
  const live = samples.map(({ liveMiB }) => liveMiB);
  const events = samples.at(-1)?.events ?? 0;
  return {
    what: `live memory after ${events.toLocaleString("en")} events: last quarter to first`,
    figure: median(live.slice(-quarter)) / median(live.slice(0, quarter)),
    bound: GROWTH_MAX,
    kind: "at most",
    unit: "×",
  };
}

export function textOf(results: Results): string {
  const parts = [results.machine];
  if (results.writes !== null) parts.push(writesText(results.writes));
  if (results.events !== null) parts.push(...results.events.map(eventsText));
  if (results.failover !== null) parts.push(failoverText(results.failover));
  if (results.memory !== null) parts.push(memoryText(results.memory));
  const targets = targetsOf(results).map((target) => [
    isMet(target) ? "met" : "MISSED",
    target.what,
    `${shown(target.figure)} ${target.unit}`,
    `${target.kind} ${shown(target.bound)}`,
  ]);
  parts.push(table([["", "target", "measured", "wanted"], ...targets]));
  return parts.join("\n\n");
}

function writesText({ etcdVersion, rows, checkPerf }: Writes): string {
  const head = [
    "1 KB writes, medians",
    "writers",
    "writes/s",
    "p50 ms",
    "p99 ms",
    "members' cores",
    "client's",
  ];
  const body = rows
    .toSorted((a, b) => a.writers - b.writers)
    .map(({ way, writers, level }) => [
      way,
      String(writers),
      shown(level.writesPerSecond),
      ...[level.p50, level.p99, level.memberCores, level.clientCores].map((value) => value.toFixed(2)),
    ]);
  const perf = checkPerf.map(
    ({ writesPerSecond, slowestSeconds }) =>
      `${shown(writesPerSecond)} writes/s, slowest ${slowestSeconds} s`,
  );
  const own = `etcd ${etcdVersion} by its own check perf, load xl: ${perf.length === 0 ? "no result" : perf.join("; ")}`;
  return `${table([head, ...body])}\n${own}\n${ratiosText(rows)}`;
}

/** Tepui's rates as ratios to etcd's at as many writers, by the same kind of client. */
function ratiosText(rows: readonly WritesRow[]): string {
  const lines = rows.flatMap(({ way, writers, level }) => {
    const etcd = rows.find((row) => row.way === "etcd, our client" && row.writers === writers)?.level;
    if (etcd === undefined || way === "etcd, our client") return [];
    const ratios = [level.writesPerSecond / etcd.writesPerSecond, level.p50 / etcd.p50, level.p99 / etcd.p99];
    return [[way, String(writers), ...ratios.map((ratio) => ratio.toFixed(2))]];
  });
  return table([["as ratios to etcd, our client", "writers", "writes/s", "p50", "p99"], ...lines]);
}

function eventsText(events: EventsFigures): string {
  const { leaderMicros, followerMicros, clientMicros } = events;
  const micros = [leaderMicros, followerMicros, clientMicros].map((value) => value.toFixed(1));
  return [
    `${events.way}: ${shown(events.eventsPerSecond)} events/s`,
    `µs of CPU time an event: leader ${micros[0]}, each follower ${micros[1]}, client ${micros[2]}`,
    `by CPU time, two cores for the members alone: ${shown(events.twoCores)} events/s`,
  ].join("\n");
}

function failoverText({ kills, median: middle, p99, shortest }: FailoverFigures): string {
  return `${kills} leaders killed; ms to the next commit: median ${shown(middle)}, p99 ${shown(p99)}, shortest ${shown(shortest)}`;
}

function memoryText({ samples, seconds }: MemoryFigures): string {
  const rows = samples.map(({ events, residentMiB, liveMiB }) => [
    events.toLocaleString("en"),
    residentMiB.toFixed(0),
    liveMiB.toFixed(1),
  ]);
  return `${table([["events", "resident MiB", "live MiB"], ...rows])}\nin ${seconds.toFixed(0)} s`;
}

/** The first column to the left, the others to the right. */
function table(cells: readonly (readonly string[])[]): string {
  const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  return cells
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))),
    )
    .map((row) => row.join("  "))
    .join("\n");
}

/** Three digits that count, or whole. */
function shown(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}
