// The report of `tepui why` in words, from general to particular: what is asked about, its turn, then agent by agent.
import type { Readable, WhyReport } from "../state/why.ts";

type Report = Readable<WhyReport>;
type Role = NonNullable<Report["roles"]>[number];
type Agent = Report["agents"][number];
type Verdict = Agent["verdict"];
type Level = Role["levels"][number];
type OfferedPart = Extract<Verdict, { kind: "offered" }>["parts"][number];
type RoleRefusal = Extract<Verdict, { kind: "refused" }>["reasons"][number];
type QuotaBound = Extract<RoleRefusal["reason"], { kind: "quota" }>["bounds"][number];
type ConstraintFailure = Extract<RoleRefusal["reason"], { kind: "constraint" }>["failures"][number];

/** Agents of one kind of verdict that are listed one by one. */
const AGENTS_SHOWN_MAX = 10;

export function whyText(report: Report): string {
  const lines = [...aboutFramework(report), ...aboutTask(report)];
  if (report.roles !== null)
    lines.push("", ...report.roles.flatMap((role) => aboutRole(role, report.at)), "", ...aboutAgents(report));
  return lines.join("\n");
}

function aboutFramework({ framework, at }: Report): string[] {
  const { id, name, connection, offers } = framework;
  const state =
    connection.kind === "connected"
      ? "is connected"
      : connection.kind === "disconnected"
        ? `has been disconnected for ${span(at - connection.since)}: it gets no offers until it subscribes again`
        : `is completed since ${time(connection.at)}: it gets no offers any more`;
  const held = offers.map(
    ({ hostname, role, resources, madeAt, optimistic }) =>
      `  it holds an ${optimistic === true ? "optimistic offer" : "offer"} of ${hostname} for role ${role} since ${span(at - madeAt)}: ${resources}`,
  );
  return [`Framework "${name}" (${id}) ${state}.`, ...shown(held)];
}

function aboutTask({ task, at }: Report): string[] {
  if (task === null) return [];
  const where = task.hostname ?? task.agentId;
  const lines = [
    `Task ${task.id} is ${task.state} on ${where}, launched ${span(at - task.launchedAt)} before: ${task.resources}.`,
  ];
  if (task.agentConnection !== "connected") lines.push(`  its agent is ${task.agentConnection}`);
  if (task.killAsked) lines.push("  its framework has asked for its end");
  if (task.unacknowledged !== null) {
    lines.push(`  its framework has not acknowledged ${task.unacknowledged}: later updates wait for that`);
  }
  return lines;
}

function aboutRole({ role, status, share, levels, waiting }: Role, at: number): string[] {
  const own =
    share.resource === null
      ? "it holds nothing there"
      : `its share there is ${percent(share.numerator / share.denominator)} (of all ${share.resource})`;
  const waits = waiting === undefined ? [] : [waitingText(waiting, at)];
  return [`Role ${role}: ${STATUS_TEXTS[status]}; ${own}.`, ...waits, ...levels.map(aboutLevel)];
}

/** Where optimistic offers are made. */
function waitingText({ since, seesAllFrom }: NonNullable<Role["waiting"]>, at: number): string {
  const waited = `  it has had no offer for ${span(at - since)}`;
  return at >= seesAllFrom
    ? `${waited}: it is shown what others hold without using it`
    : `${waited}: in ${span(seesAllFrom - at)} it is shown what others hold without using it`;
}

const STATUS_TEXTS: { readonly [Status in Role["status"]]: string } = {
  competes: "it competes for offers",
  suppressed: "it has suppressed offers; REVIVE brings them back",
  left: "it has left the role and gets no offers there",
  inactive: "it is not connected",
};

function aboutLevel({ name, position, chance, of, ahead, own }: Level): string {
  if (position === null)
    return `  ${name} is one of ${of} whose turns are drawn, first with a chance of ${percent(chance ?? 0)}${weightText(own.weight)}`;
  const turn = `  ${name} is number ${position} of ${of}, with ${percent(own.weightedShare)}${weightText(own.weight)}`;
  if (ahead.length === 0) return turn;
  const others = ahead.map((other) => `${other.name} ${percent(other.weightedShare)}`);
  const more = position - 1 - ahead.length;
  return `${turn}; before it: ${others.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function weightText(weight: number): string {
  return weight === 1 || weight === 1_000 ? "" : ` (by its weight of ${weight / 1_000})`;
}

function aboutAgents(report: Report): string[] {
  const { agents } = report;
  const { machinesDown } = report;
  const down =
    machinesDown.length === 0 ? [] : [`Down for maintenance, with their agents: ${machinesDown.join(", ")}.`];
  if (agents.length === 0) return ["No agent is registered.", ...down];
  const lines: string[] = [summary(report), ...down];
  for (const kind of VERDICT_KINDS) {
    const alike = agents.filter(({ verdict }) => verdict.kind === kind);
    lines.push(
      ...shown(
        alike.map((agent) => `  ${agent.hostname}: ${aboutAgent(agent, report)}${plannedText(agent)}`),
      ),
    );
  }
  return lines;
}

const VERDICT_KINDS = ["offered", "outranked", "refused", "closed", "not-competing"] as const;

function summary({ agents, wanted }: Report): string {
  const offered = agents.filter(({ verdict }) => verdict.kind === "offered");
  const made = `The next cycle would offer it ${offered.length} of ${agents.length} agents`;
  if (wanted === "") return `${made}:`;
  const fitting = offered.filter(({ lacksFree }) => lacksFree === "").length;
  const able = agents.filter(({ lacksTotal }) => lacksTotal === "").length;
  return `${made}; ${wanted} fits ${fitting} of these offers, and ${able} agents if they were empty:`;
}

function aboutAgent(agent: Agent, { at }: Report): string {
  const { verdict, free, lacksFree, lacksTotal, holders, drawn } = agent;
  const lacking =
    lacksTotal !== ""
      ? `; too small even when empty, it lacks ${lacksTotal}`
      : lacksFree !== ""
        ? `; free there is ${free || "nothing"}, it lacks ${lacksFree}`
        : "";
  const held = lacksFree !== "" || isFull(verdict) ? holders.map((holder) => holderText(holder, at)) : [];
  return `${keptOutText(agent, at) ?? verdictText(verdict, at)}${turnsText(drawn)}${lacking}${held.length > 0 ? ` (${held.join(", ")})` : ""}`;
}

function plannedText({ unavailableFrom }: Agent): string {
  return unavailableFrom === null ? "" : `; its machine is planned to be down from ${time(unavailableFrom)}`;
}

/** What operators have said of it; null if they leave it to the allocator. */
function keptOutText({ keptOut, verdict }: Agent, at: number): string | null {
  if (keptOut === null || verdict.kind !== "closed" || verdict.reason.kind !== "inactive") return null;
  const since = span(at - keptOut.since);
  switch (keptOut.kind) {
    case "draining":
      return `has been draining for ${since}: its tasks end, and nothing of it is offered`;
    case "drained":
      return `has been drained (begun ${since} ago); tepui agents reactivate offers it again`;
    case "deactivated":
      return `was deactivated ${since} ago; tepui agents reactivate offers it again`;
  }
}

/** Where turns are drawn: the order in which they were. */
function turnsText(drawn: Agent["drawn"]): string {
  if (drawn === undefined) return "";
  const { turns, of, own } = drawn;
  const names = turns.map(({ frameworkId, role }) => `${frameworkId} (${role})`).join(", ");
  const more = of - turns.length;
  const mine = own === null ? "its own turn did not come" : `its own was number ${own}`;
  return `; turns drawn: ${names}${more > 0 ? ` and ${more} more` : ""}; ${mine}`;
}

function isFull(verdict: Verdict): boolean {
  return (
    verdict.kind === "closed" &&
    (verdict.reason.kind === "nothing-free" || verdict.reason.kind === "below-minimum")
  );
}

function holderText(
  { name, used, offered, offeredSince, sharedFrom }: Agent["holders"][number],
  at: number,
): string {
  const parts = used === "" ? [] : [`uses ${used}`];
  if (offeredSince !== null) {
    const shared =
      sharedFrom === undefined
        ? ""
        : sharedFrom <= at
          ? ", shown to others by now"
          : `, shown to others in ${span(sharedFrom - at)}`;
    parts.push(`holds offers of ${offered} since ${span(at - offeredSince)}${shared}`);
  }
  return `"${name}" ${parts.join(" and ")}`;
}

function verdictText(verdict: Verdict, at: number): string {
  switch (verdict.kind) {
    case "offered":
      return `would be offered ${verdict.parts.map(partText).join(", ")}`;
    case "outranked":
      return `goes to ${verdict.by} in role ${verdict.role}, whose turn comes first`;
    case "refused":
      return refusalTexts(verdict.reasons, at);
    case "closed":
      return closedText(verdict, at);
    case "not-competing":
      return "does not matter while the framework does not compete in any role";
  }
}

function partText({ role, resources, optimistic }: OfferedPart): string {
  return `for role ${role}: ${resources}${optimistic === true ? ", optimistically: others hold some of it and may use it first" : ""}`;
}

function closedText({ reason, own }: Extract<Verdict, { kind: "closed" }>, at: number): string {
  switch (reason.kind) {
    case "inactive":
      return "is not connected";
    case "not-whitelisted":
      return "is not on the masters' whitelist (--whitelist)";
    case "nothing-free":
      return "has nothing free";
    case "nobody-competes":
      return own.length > 0
        ? refusalTexts(own, at)
        : "is kept from all who compete; agents with GPUs want the GPU_RESOURCES capability, and those in another region REGION_AWARE";
    case "below-minimum":
      return own.length > 0 ? refusalTexts(own, at) : "has less free than the smallest offer";
    case "all-excluded":
    case "all-refused":
      return own.length > 0 ? refusalTexts(own, at) : "is refused by everyone who competes for it";
    case "cycle-full":
      return "comes in a later cycle: one cycle makes only so many offers";
  }
}

function refusalTexts(refusals: readonly RoleRefusal[], at: number): string {
  return refusals.map(({ role, reason }) => refusalText(role, reason, at)).join("; ");
}

function refusalText(role: string, reason: RoleRefusal["reason"], at: number): string {
  switch (reason.kind) {
    case "no-gpu-capability":
      return `has GPUs, which role ${role} gets with the GPU_RESOURCES capability only`;
    case "remote-region":
      return `is in the remote region ${reason.region ?? "of another master"}, and the framework is not REGION_AWARE`;
    case "not-for-it":
      return `has nothing free for role ${role} but ${reason.free}, reserved for others, of a kind that the framework does not take, or a shared volume in use, which is not offered alone`;
    case "quota":
      return `has nothing that role ${role} may have more of: ${reason.bounds.map(boundText).join(", and ")}`;
    case "filter":
      return `the framework itself refused ${reason.filter.resources} for role ${role}, for another ${span(reason.filter.until - at)}`;
    case "constraint":
      return `fails the offer constraints of role ${role}: ${reason.failures.map(failureText).join(", and ")}`;
    case "minimum":
      return `has less free than role ${role} wants of an offer: it lacks ${reason.lacks.map(quantitiesText).join(", or ")}`;
  }
}

function boundText(bound: QuotaBound): string {
  const amount = (millis: number) => `${bound.name}:${millis / 1_000}`;
  return bound.kind === "limit"
    ? `role ${bound.role} has ${amount(bound.consumed)} of its limit ${amount(bound.limit)}`
    : `of ${amount(bound.free)} that is free ${amount(bound.needed)} is held back for guarantees of other roles`;
}

function failureText({ constraint, value }: ConstraintFailure): string {
  const { selector, predicate } = constraint;
  const what = selector.kind === "attribute" ? `attribute ${selector.name}` : selector.kind;
  const has = value.kind === "missing" ? "missing" : value.kind === "text" ? `"${value.text}"` : "not a text";
  return `${what} is ${has}, wanted: ${predicateText(predicate)}`;
}

function predicateText(predicate: ConstraintFailure["constraint"]["predicate"]): string {
  switch (predicate.kind) {
    case "exists":
      return "that it exists";
    case "not-exists":
      return "that it does not exist";
    case "text-equals":
      return `"${predicate.value}"`;
    case "text-not-equals":
      return `anything but "${predicate.value}"`;
    case "text-matches":
      return `a match of /${predicate.regex}/`;
    case "text-not-matches":
      return `no match of /${predicate.regex}/`;
  }
}

function quantitiesText(quantities: Readonly<Record<string, number>>): string {
  return Object.entries(quantities)
    .map(([name, millis]) => `${name}:${millis / 1_000}`)
    .join("; ");
}

function shown(lines: readonly string[]): string[] {
  const more = lines.length - AGENTS_SHOWN_MAX;
  return more > 0 ? [...lines.slice(0, AGENTS_SHOWN_MAX), `  and ${more} more like these`] : [...lines];
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

function span(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = seconds / 60;
  return minutes < 120 ? `${Math.round(minutes)} min` : `${Math.round(minutes / 60)} h`;
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
