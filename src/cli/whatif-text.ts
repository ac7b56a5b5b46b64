// The report of `tepui whatif` in words and tables.
import { mean, type OfferHolder, type Row, settingsText, type WhatifReport } from "../debugger/index.ts";
import type { RoleQuota } from "../state/events.ts";
import { table } from "./table.ts";

const ASSUMPTIONS = `What is assumed:
- Frameworks want what they started in the log, and nothing else: a task that was never started is not in the log.
- A task is wanted since its framework came, or ended its suppression, or last refused an offer that would have held it.
- Tasks last as long as they did, on whichever agent. Agents are alike but for their size; ports are always free.
- Offers are answered after the framework's usual time, the first tasks that fit are started, and the rest is refused
  for as long as the framework refused it in the log. A framework may have decided otherwise, had it been offered
  something else.`;

/** Roles' shares of the simulated recorded policy and the real ones: from here on the report says so. */
const DISTANCE_NOTED = 0.1;
const OFFERS_SHOWN_MAX = 5;

export function whatifText(report: WhatifReport): string {
  const { recorded, baseline, other } = report;
  const seconds = (report.until - report.from) / 1_000;
  const from = new Date(report.from).toISOString();
  return [
    `${seconds} s from ${from}. Other policy: ${policyText(report.policy)}.`,
    "In each column: recorded policy → other policy (difference). Both are simulated. USED is the mean dominant share of what",
    "tasks use, OFFERED that of what is held in offers.",
    "",
    differences(baseline.rows, other.rows),
    "",
    ...offersText(report),
    "",
    "How far the simulation of the recorded policy is from what really happened (really → simulated):",
    "",
    differences(recorded.rows.filter(isOfRole), baseline.rows.filter(isOfRole)),
    distanceText(shareDistance(recorded.rows, baseline.rows)),
    "",
    ASSUMPTIONS,
    "",
  ].join("\n");
}

function policyText({ plain, settings, weights, quotas }: WhatifReport["policy"]): string {
  const parts = [
    ...(plain ? ["equal weights and no quotas"] : []),
    ...weights.map(({ role, weightMillis }) => `weight of ${role} ${weightMillis / 1_000}`),
    ...quotas.map(quotaText),
    ...(Object.keys(settings).length > 0 ? [settingsText(settings)] : []),
  ];
  return printable(parts.length === 0 ? "the recorded one" : parts.join(", "));
}

function quotaText({ role, quota }: RoleQuota): string {
  if (quota === null) return `no quota of ${role}`;
  const [guarantees, limits] = [quota.guarantees, quota.limits].map((amounts) =>
    amounts.map(([name, millis]) => `${name}:${millis / 1_000}`).join(";"),
  );
  return `quota of ${role} ${guarantees}/${limits}`;
}

function differences(before: readonly Row[], after: readonly Row[]): string {
  const others = new Map(after.map((row) => [keyOf(row), row]));
  const rows = before.map((row) => [row, others.get(keyOf(row)) ?? NOTHING] as const);
  const known = new Set(before.map(keyOf));
  for (const row of after) if (!known.has(keyOf(row))) rows.push([{ ...row, ...NOTHING }, row]);
  const hasFrameworks = rows.some(([row]) => !isOfRole(row));
  const headers = ["STARTED", "WAITING", "MEAN WAIT", "P99 WAIT", "USED", "OFFERED", "OFFERS"];
  return table(
    ["ROLE", ...(hasFrameworks ? ["FRAMEWORK"] : []), ...headers],
    rows.map(([a, b]) => [
      printable(a.role),
      ...(hasFrameworks ? [isOfRole(a) ? "" : frameworkText(a)] : []),
      ...cells(a, b),
    ]),
  );
}

const NOTHING = {
  offers: 0,
  started: 0,
  waiting: 0,
  meanWaitMs: null,
  p99WaitMs: null,
  meanShare: 0,
  meanOffered: 0,
};
type Numbers = typeof NOTHING | Row;

/** How a figure is shown. */
interface Unit {
  /** To what is shown, so that the difference is that of the figures shown. */
  readonly round: (value: number) => number;
  readonly text: (value: number) => string;
}

const COUNT: Unit = { round: (value) => value, text: String };
const SECONDS: Unit = { round: Math.round, text: (ms) => `${(ms / 1_000).toFixed(3)} s` };
const PART: Unit = {
  round: (part) => Math.round(part * 1_000),
  text: (mille) => `${(mille / 10).toFixed(1)} %`,
};

function cells(a: Row, b: Numbers): readonly string[] {
  return [
    change(a.started, b.started, COUNT),
    change(a.waiting, b.waiting, COUNT),
    change(a.meanWaitMs, b.meanWaitMs, SECONDS),
    change(a.p99WaitMs, b.p99WaitMs, SECONDS),
    change(a.meanShare, b.meanShare, PART),
    change(a.meanOffered, b.meanOffered, PART),
    change(a.offers, b.offers, COUNT),
  ];
}

function change(a: number | null, b: number | null, { round, text }: Unit): string {
  const [before, after] = [a, b].map((value) => (value === null ? "-" : text(round(value))));
  if (before === after) return `${before}`;
  if (a === null || b === null) return `${before} → ${after}`;
  return `${before} → ${after} (${b > a ? "+" : ""}${text(round(b) - round(a))})`;
}

/** The first offers that differ: after them the two runs are no longer in the same situation. */
function offersText(report: WhatifReport): readonly string[] {
  const { moments, differing, first } = report.offers;
  if (differing === 0) return [`All ${moments} offers of an agent at a moment are the same.`];
  const names = new Map(
    [...report.baseline.rows, ...report.other.rows].map((row) => [row.frameworkId, frameworkText(row)]),
  );
  const who = (holders: readonly OfferHolder[]): string =>
    holders.length === 0
      ? "nobody"
      : holders.map(({ frameworkId, role }) => `${names.get(frameworkId)} in ${printable(role)}`).join(", ");
  const shown = first.slice(0, OFFERS_SHOWN_MAX).map(({ at, agentId, before, after }) => {
    const seconds = ((at - report.from) / 1_000).toFixed(3);
    return `  after ${seconds} s, agent ${shortId(agentId)}: ${who(before)} → ${who(after)}`;
  });
  const head = `Agents were offered at ${moments} moments, at ${differing} of them not to the same. The first of these:`;
  return [head, ...shown];
}

function shareDistance(a: readonly Row[], b: readonly Row[]): number {
  const others = new Map(b.map((row) => [keyOf(row), row]));
  const distances = a.filter(isOfRole).map((row) => {
    const other = others.get(keyOf(row))?.shares ?? [];
    return mean(row.shares.map((share, at) => Math.abs(share - (other[at] ?? 0))));
  });
  return distances.length === 0 ? 0 : mean(distances);
}

function distanceText(distance: number): string {
  const said = `Roles' shares are off by ${PART.text(PART.round(distance))} of the cluster on average.`;
  return distance < DISTANCE_NOTED
    ? said
    : `${said} That is much: what differs above says which way things go, not how far.`;
}

function isOfRole({ frameworkId }: Pick<Row, "frameworkId">): boolean {
  return frameworkId === null;
}

function keyOf({ role, frameworkId }: Row): string {
  return JSON.stringify([role, frameworkId]);
}

function frameworkText({ name, frameworkId }: Row): string {
  const id = shortId(frameworkId ?? "");
  return printable(name === null ? id : `${name} (${id})`);
}

/** Without the cluster's id, which all have in common. */
function shortId(id: string): string {
  return id.replace(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-/, "…");
}

/** Names are the frameworks' own. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "\ufffd");
}
