// Shares over time as a picture: the roles of both arms, one panel above the other, in SVG 1.1.
import type { Figures, Row } from "./figures.ts";
import type { WhatifReport } from "./whatif.ts";

const WIDTH = 900;
const PANEL_HEIGHT = 260;
const LEFT = 60;
const TOP = 40;
const PLOT_WIDTH = 620;
const PLOT_HEIGHT = 190;
const ROLES_SHOWN_MAX = 12;
const NAME_CHARACTERS_SHOWN_MAX = 28;
/** Okabe and Ito's palette, which colour-blind people can tell apart; dashes for the second round. */
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/** Roles with the largest shares in either arm; both panels have the same colours and scale. */
export function sharesSvg(report: WhatifReport): string {
  const roles = largestRoles([report.baseline, report.other]);
  const panels = [
    panel(report, report.baseline, roles, "recorded policy, simulated", 0),
    panel(report, report.other, roles, "other policy", PANEL_HEIGHT),
  ];
  const height = 2 * PANEL_HEIGHT + 20;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...panels,
    "</svg>",
    "",
  ].join("\n");
}

function largestRoles(arms: readonly Figures[]): readonly string[] {
  const shares = new Map<string, number>();
  for (const { role, frameworkId, meanShare } of arms.flatMap(({ rows }) => rows))
    if (frameworkId === null) shares.set(role, Math.max(shares.get(role) ?? 0, meanShare));
  const sorted = [...shares].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return sorted.slice(0, ROLES_SHOWN_MAX).map(([role]) => role);
}

function panel(
  { from, until }: WhatifReport,
  figures: Figures,
  roles: readonly string[],
  title: string,
  y: number,
): string {
  const seconds = (until - from) / 1_000;
  const lines = [
    `<g transform="translate(0 ${y})">`,
    `<text x="${LEFT}" y="${TOP - 14}" font-size="14">Dominant share by role: ${title}</text>`,
  ];
  for (const percent of [0, 25, 50, 75, 100]) {
    const at = coordinate(TOP + PLOT_HEIGHT * (1 - percent / 100));
    lines.push(`<line x1="${LEFT}" y1="${at}" x2="${LEFT + PLOT_WIDTH}" y2="${at}" stroke="#dddddd"/>`);
    lines.push(`<text x="${LEFT - 8}" y="${at}" dy="4" text-anchor="end">${percent} %</text>`);
  }
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const at = coordinate(LEFT + PLOT_WIDTH * part);
    const label = Number((seconds * part).toPrecision(4));
    lines.push(`<text x="${at}" y="${TOP + PLOT_HEIGHT + 18}" text-anchor="middle">${label} s</text>`);
  }
  for (const [place, role] of roles.entries()) {
    const row = figures.rows.find((each) => each.role === role && each.frameworkId === null);
    lines.push(curve(row, place), ...legend(role, place));
  }
  return [...lines, "</g>"].join("\n");
}

function curve(row: Row | undefined, place: number): string {
  const shares = row?.shares ?? [0];
  const points = shares.map((share, at) => {
    const x = LEFT + (PLOT_WIDTH * at) / Math.max(1, shares.length - 1);
    const y = TOP + PLOT_HEIGHT * (1 - Math.min(1, share));
    return `${coordinate(x)},${coordinate(y)}`;
  });
  return `<polyline points="${points.join(" ")}" fill="none" stroke-width="1.5" ${stroke(place)}/>`;
}

function legend(role: string, place: number): readonly string[] {
  const x = LEFT + PLOT_WIDTH + 20;
  const y = TOP + 10 + place * 17;
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
