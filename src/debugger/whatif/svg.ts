// Shares and waiting tasks over time as a picture: what happened, the recorded policy simulated, and the other policy, one
// below the other, in SVG 1.1. How alike the first two are shows how far to trust the third.
import type { Figures, Row } from "./figures.ts";
import type { WhatifReport } from "./whatif.ts";

const WIDTH = 1_240;
const PANEL_HEIGHT = 250;
const TOP = 40;
const PLOT_HEIGHT = 180;
const SHARES_LEFT = 60;
const WAITING_LEFT = 580;
const PLOT_WIDTH = 440;
const LEGEND_LEFT = 1_040;
const ROLES_SHOWN_MAX = 12;
const NAME_CHARACTERS_SHOWN_MAX = 24;
/** Above the lowest. */
const LINES = 4;
const TICKS_MAX = 8;
/** Okabe and Ito's palette, which colour-blind people can tell apart; dashes for the second round. */
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

interface Plot {
  readonly left: number;
  readonly title: string;
  /** At the top. */
  readonly largest: number;
  readonly label: (value: number) => string;
  readonly values: (row: Row) => readonly number[];
}

/** Roles with the largest shares, or the most waiting tasks, in any run; all panels have the same colours and scales. */
export function sharesSvg(report: WhatifReport): string {
  const runs: readonly (readonly [Figures, string])[] = [
    [report.recorded, "what happened"],
    [report.baseline, "recorded policy, simulated"],
    [report.other, "other policy, simulated"],
  ];
  const roles = shownRoles(runs.map(([figures]) => figures));
  const most = Math.max(1, ...runs.flatMap(([{ rows }]) => roleRows(rows).map(peakOf)));
  const largest = LINES * Math.ceil(most / LINES);
  const height = runs.length * PANEL_HEIGHT + 10;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" font-family="sans-serif" font-size="12">`,
    "<title>Shares and waiting tasks by role</title>",
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...runs.map(([figures, title], at) => panel(report, figures, roles, title, at * PANEL_HEIGHT, largest)),
    "</svg>",
    "",
  ].join("\n");
}

function roleRows(rows: readonly Row[]): readonly Row[] {
  return rows.filter(({ frameworkId }) => frameworkId === null);
}

function peakOf({ waitingTasks }: Row): number {
  return waitingTasks.reduce((most, count) => Math.max(most, count), 0);
}

function shownRoles(runs: readonly Figures[]): readonly string[] {
  const weights = new Map<string, number>();
  const rows = runs.flatMap((run) => roleRows(run.rows));
  for (const row of rows) {
    const weight = row.meanShare + row.meanOffered + (peakOf(row) > 0 ? 1 : 0);
    weights.set(row.role, Math.max(weights.get(row.role) ?? 0, weight));
  }
  const sorted = [...weights].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return sorted.slice(0, ROLES_SHOWN_MAX).map(([role]) => role);
}

function panel(
  { from, until }: WhatifReport,
  figures: Figures,
  roles: readonly string[],
  title: string,
  y: number,
  mostWaiting: number,
): string {
  const seconds = (until - from) / 1_000;
  const shares: Plot = {
    left: SHARES_LEFT,
    title: `Dominant share used by role: ${title}`,
    largest: 1,
    label: (value) => `${Math.round(value * 100)} %`,
    values: (row) => row.shares,
  };
  const waiting: Plot = {
    left: WAITING_LEFT,
    title: "Tasks waiting",
    largest: mostWaiting,
    label: String,
    values: (row) => row.waitingTasks,
  };
  return [
    `<g transform="translate(0 ${y})">`,
    ...plot(shares, figures, roles, seconds),
    ...plot(waiting, figures, roles, seconds),
    ...roles.flatMap(legend),
    "</g>",
  ].join("\n");
}

function plot(of: Plot, figures: Figures, roles: readonly string[], seconds: number): readonly string[] {
  const { left, title, largest, label, values } = of;
  const lines = [`<text x="${left}" y="${TOP - 14}" font-size="14">${title}</text>`];
  for (let line = 0; line <= LINES; line++) {
    const part = line / LINES;
    const y = coordinate(TOP + PLOT_HEIGHT * (1 - part));
    lines.push(`<line x1="${left}" y1="${y}" x2="${left + PLOT_WIDTH}" y2="${y}" stroke="#dddddd"/>`);
    lines.push(`<text x="${left - 8}" y="${y}" dy="4" text-anchor="end">${label(largest * part)}</text>`);
  }
  for (const at of ticks(seconds)) {
    const x = coordinate(left + (PLOT_WIDTH * at) / Math.max(seconds, Number.MIN_VALUE));
    lines.push(
      `<line x1="${x}" y1="${TOP + PLOT_HEIGHT}" x2="${x}" y2="${TOP + PLOT_HEIGHT + 4}" stroke="#888888"/>`,
    );
    lines.push(`<text x="${x}" y="${TOP + PLOT_HEIGHT + 18}" text-anchor="middle">${at} s</text>`);
  }
  for (const [place, role] of roles.entries()) {
    const row = figures.rows.find((each) => each.role === role && each.frameworkId === null);
    lines.push(curve(row === undefined ? [0] : values(row), left, largest, place));
  }
  return lines;
}

/** Round numbers of seconds, TICKS_MAX steps at most. */
function ticks(seconds: number): readonly number[] {
  if (!(seconds > 0)) return [0];
  const rough = seconds / TICKS_MAX;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  const count = Math.floor(seconds / step + 1e-9);
  return Array.from({ length: count + 1 }, (_, at) => Number((at * step).toPrecision(6)));
}

function curve(values: readonly number[], left: number, largest: number, place: number): string {
  const points = values.map((value, at) => {
    const x = left + (PLOT_WIDTH * at) / Math.max(1, values.length - 1);
    const y = TOP + PLOT_HEIGHT * (1 - Math.min(1, value / largest));
    return `${coordinate(x)},${coordinate(y)}`;
  });
  return `<polyline points="${points.join(" ")}" fill="none" stroke-width="1.5" ${stroke(place)}/>`;
}

function legend(role: string, place: number): readonly string[] {
  const x = LEGEND_LEFT;
  const y = TOP + 6 + place * 16;
  const name = [...role];
  const shown =
    name.length > NAME_CHARACTERS_SHOWN_MAX
      ? `${name.slice(0, NAME_CHARACTERS_SHOWN_MAX - 1).join("")}…`
      : role;
  return [
    `<line x1="${x}" y1="${y}" x2="${x + 20}" y2="${y}" stroke-width="2" ${stroke(place)}/>`,
    `<text x="${x + 26}" y="${y}" dy="4">${escapeXml(shown)}</text>`,
  ];
}

function stroke(place: number): string {
  const color = COLORS[place % COLORS.length] ?? "#000000";
  return place < COLORS.length ? `stroke="${color}"` : `stroke="${color}" stroke-dasharray="5 3"`;
}

function coordinate(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Also of the control characters that XML 1.0 has no place for. */
function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replace(/\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu, "\ufffd");
}
