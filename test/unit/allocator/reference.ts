// An allocator that is obviously right: it keeps bare facts, works everything out from them each time, and compares
// exact fractions. No indexes, no counts, no order kept.
import {
  add,
  contains,
  NO_RESOURCES,
  type Resources,
  scalarOf,
  without,
} from "../../../src/allocator/index.ts";

interface Agent {
  total: Resources;
  active: boolean;
  remote: boolean;
}

interface Framework {
  roles: string[];
  suppressed: string[];
  gpu: boolean;
  regionAware: boolean;
  /** Takes refined, revocable and shared resources. */
  special: boolean;
  active: boolean;
}

interface Held {
  readonly framework: number;
  readonly role: string;
  readonly agent: number;
  resources: Resources;
}

export interface Facts {
  agents: Map<number, Agent>;
  frameworks: Map<number, Framework>;
  weights: Map<string, number>;
  quotas: Map<string, ReferenceQuota>;
  held: Held[];
  filters: (Held & { readonly until: number })[];
  /** Turns taken, by role with all below it, by `role/.` for its own frameworks, and by `framework role`. */
  turns: Map<string, number>;
  lastGiven: number | null;
  /** Names that do not count in shares. */
  excluded: readonly string[];
}

/** Thousandths by name. */
export interface ReferenceQuota {
  readonly guarantees: Readonly<Record<string, number>>;
  readonly limits: Readonly<Record<string, number>>;
}

export type Offer = Omit<Held, "resources"> & { readonly resources: Resources };
type Fraction = readonly [bigint, bigint];

export function noFacts(): Facts {
  return {
    agents: new Map(),
    frameworks: new Map(),
    weights: new Map(),
    quotas: new Map(),
    held: [],
    filters: [],
    turns: new Map(),
    lastGiven: null,
    excluded: [],
  };
}

/** What nobody holds. */
export function unheld(facts: Facts, agent: number): Resources {
  const held = facts.held.filter((one) => one.agent === agent).map((one) => one.resources);
  return without(facts.agents.get(agent)?.total ?? NO_RESOURCES, held.reduce(add, NO_RESOURCES));
}

/** That, and beside it what is shared, held or not. */
export function free(facts: Facts, agent: number): Resources {
  const rest = unheld(facts, agent);
  const total = facts.agents.get(agent)?.total ?? NO_RESOURCES;
  const isMore = (one: Resource) => isShared(one) && rest.every((other) => other.meta !== one.meta);
  return rest.length === 0 ? rest : add(rest, total.filter(isMore));
}

type Resource = Resources[number];

export function isShared({ meta }: Resource): boolean {
  return read(meta).shared !== undefined;
}

export function isLive(facts: Facts, framework: number, role: string): boolean {
  const known = facts.frameworks.get(framework);
  return known?.active === true && known.roles.includes(role) && !known.suppressed.includes(role);
}

/** `a/b/c`, `a/b`, `a`. */
export function line(role: string): string[] {
  const steps = role.split("/");
  return steps.map((_step, n) => steps.slice(0, steps.length - n).join("/"));
}

export function isWithin(path: string, role: string): boolean {
  return path.endsWith("/.") ? path === `${role}/.` : line(role).includes(path);
}

/** The live groups directly below: roles, and the own frameworks of the role itself if there are roles below it. */
export function groupsBelow(
  isLiveRole: (role: string) => boolean,
  roles: Iterable<string>,
  path: string,
): string[] {
  const live = [...roles].filter(isLiveRole);
  const depth = path === "" ? 1 : path.split("/").length + 1;
  const below = live.filter(
    (role) => (path === "" || isWithin(path, role)) && role.split("/").length >= depth,
  );
  const groups = new Set(below.map((role) => role.split("/").slice(0, depth).join("/")));
  if (groups.size > 0 && live.includes(path)) groups.add(`${path}/.`);
  return [...groups];
}

function rolesOf(facts: Facts): Set<string> {
  return new Set([...facts.frameworks.values()].flatMap((framework) => framework.roles));
}

export function liveFrameworks(facts: Facts, role: string): number[] {
  return [...facts.frameworks.keys()].filter((framework) => isLive(facts, framework, role));
}

/** The offers of one cycle; the facts stay as they are. @param wants what else frameworks ask for */
export function referenceCycle(
  before: Facts,
  now: number,
  minimum: number,
  wants: (offer: Offer) => boolean = () => true,
): Offer[] {
  const facts = structuredClone(before);
  const offers: Offer[] = [];
  for (const guaranteed of [true, false]) {
    for (const agent of agentsInTurn(facts)) {
      if (facts.agents.get(agent)?.active !== true) continue;
      for (;;) {
        const offer = firstWhoMay(facts, { agent, now, minimum, guaranteed, wants, offers, before });
        if (offer === null) break;
        giveTurn(facts, offer);
        facts.lastGiven = before.lastGiven;
        const same = offers.findIndex((other) => sameClient(other, offer) && other.agent === agent);
        const other = offers[same];
        if (other === undefined) offers.push(offer);
        else offers[same] = { ...other, resources: add(other.resources, offer.resources) };
      }
    }
  }
  return offers;
}

export function giveTurn(facts: Facts, offer: Offer): void {
  const { framework, role } = offer;
  facts.held.push({ ...offer });
  const keys = [...line(role), `${role}/.`, `${framework} ${role}`];
  for (const key of keys) facts.turns.set(key, (facts.turns.get(key) ?? 0) + 1);
  facts.lastGiven = offer.agent;
}

/** @param held one of the facts */
export function takeBack(facts: Facts, held: Held): void {
  facts.held = facts.held.filter((one) => one !== held);
}

export function sameClient(a: Omit<Held, "resources">, b: Omit<Held, "resources">): boolean {
  return a.framework === b.framework && a.role === b.role;
}

function agentsInTurn(facts: Facts): number[] {
  const sorted = [...facts.agents.keys()].sort((a, b) => a - b);
  const last = facts.lastGiven ?? -1;
  return [...sorted.filter((agent) => agent > last), ...sorted.filter((agent) => agent <= last)];
}

/** What is asked of each framework in turn. */
interface Question {
  readonly agent: number;
  readonly now: number;
  /** Thousandths of a CPU. */
  readonly minimum: number;
  /** Whether only what roles lack of their guarantees is given. */
  readonly guaranteed: boolean;
  readonly wants: (offer: Offer) => boolean;
  /** Made in this cycle so far: what is shared is in one of an agent's at most. */
  readonly offers: readonly Offer[];
  readonly before: Facts;
}

function firstWhoMay(facts: Facts, question: Question, path = ""): Offer | null {
  const isLiveRole = (role: string) => liveFrameworks(facts, role).length > 0;
  const groups = groupsBelow(isLiveRole, rolesOf(facts), path).sort(
    (a, b) =>
      compare(groupShare(facts, a), groupShare(facts, b)) ||
      turns(facts, a) - turns(facts, b) ||
      (a < b ? -1 : 1),
  );
  if (groups.length === 0) return firstFramework(facts, question, path.replace(/\/\.$/, ""));
  for (const group of groups) {
    const offer = firstWhoMay(facts, question, group);
    if (offer !== null) return offer;
  }
  return null;
}

function firstFramework(facts: Facts, question: Question, role: string): Offer | null {
  const frameworks = liveFrameworks(facts, role).sort(
    (a, b) =>
      compare(share(facts, `${role}/.`, a), share(facts, `${role}/.`, b)) ||
      turns(facts, `${a} ${role}`) - turns(facts, `${b} ${role}`) ||
      a - b,
  );
  for (const framework of frameworks) {
    const offer = offerFor(facts, question, framework, role);
    if (offer !== null) return offer;
  }
  return null;
}

function offerFor(
  facts: Facts,
  { agent, now, minimum, guaranteed, wants, offers, before }: Question,
  framework: number,
  role: string,
): Offer | null {
  const isIn = (all: readonly Omit<Held, "framework">[], { meta }: Resource) =>
    all.some((one) => one.agent === agent && one.resources.some((other) => other.meta === meta));
  const possible = free(facts, agent).filter(
    (one) => isFor(facts, framework, role, one.meta) && !(isShared(one) && isIn(offers, one)),
  );
  if (possible.every((one) => isShared(one) && isIn(before.held, one))) return null;
  if (scalarOf(possible, "cpus") < minimum) return null;
  const resources = withinQuotas(facts, agent, role, possible, guaranteed);
  const offer = { framework, role, agent, resources };
  const isWanted = isCapable(facts, offer) && !isFiltered(facts, offer, now) && wants(offer);
  return resources.length > 0 && scalarOf(resources, "cpus") >= minimum && isWanted ? offer : null;
}

export function isCapable(facts: Facts, { framework, agent }: Offer): boolean {
  const { total = NO_RESOURCES, remote = false } = facts.agents.get(agent) ?? {};
  const known = facts.frameworks.get(framework);
  const hasGpus = scalarOf(total, "gpus") > 0;
  return (!hasGpus || known?.gpu === true) && (!remote || known?.regionAware === true);
}

interface Meta {
  readonly reservations?: readonly { readonly role: string }[];
  readonly revocable?: object;
  readonly shared?: object;
}

function read(meta: string): Meta {
  return meta === "" ? {} : (JSON.parse(meta) as Meta);
}

/** The role that the resource is reserved to; null if it is not. */
function reservedTo(meta: string): string | null {
  return read(meta).reservations?.at(-1)?.role ?? null;
}

export function isFor(facts: Facts, framework: number, role: string, meta: string): boolean {
  const { reservations = [], revocable, shared } = read(meta);
  const to = reservedTo(meta);
  const isSpecial = reservations.length > 1 || revocable !== undefined || shared !== undefined;
  return (
    (to === null || line(role).includes(to)) &&
    (!isSpecial || facts.frameworks.get(framework)?.special === true)
  );
}

/** Of the unreserved scalars as much as may be given to the role; nothing if no scalar is left of a part. */
function withinQuotas(
  start: Facts,
  agent: number,
  role: string,
  possible: Resources,
  guaranteed: boolean,
): Resources {
  if (start.quotas.size === 0) return guaranteed ? NO_RESOURCES : possible;
  let helps = false;
  const kept: Resource[] = [];
  for (const resource of possible) {
    const { name, meta, value } = resource;
    // Those before it of the same name count as if they were given.
    const given = kept.filter((one) => one.name === name);
    const facts = { ...start, held: [...start.held, { framework: -1, role, agent, resources: given }] };
    if (value.kind !== "scalar" || read(meta).revocable !== undefined) {
      kept.push(resource);
      continue;
    }
    if (reservedTo(meta) !== null) {
      const after = {
        ...facts,
        held: [...facts.held, { framework: -1, role, agent, resources: [resource] }],
      };
      const exceeds = line(role).some(
        (each) =>
          consumption(after, each, name) > consumption(facts, each, name) &&
          limitOf(facts, each, name) < consumption(after, each, name),
      );
      if (!exceeds) kept.push(resource);
      continue;
    }
    const needs = needed(facts, name, role, 0);
    const lack = needs === 0 ? 0 : largestGift(facts, role, name, value.millis, 0);
    if (lack > 0) helps = true;
    const isGuaranteed = line(role).some((each) => facts.quotas.get(each)?.guarantees[name] !== undefined);
    const surplus = Math.max(0, freeToAll(facts, name) - needs);
    const gift =
      guaranteed && isGuaranteed
        ? lack
        : needs === 0
          ? value.millis
          : largestGift(facts, role, name, value.millis, surplus);
    const millis = Math.min(gift, limitLeft(facts, role, name));
    if (millis > 0) kept.push({ ...resource, value: { kind: "scalar" as const, millis } });
  }
  if (guaranteed && !helps) return NO_RESOURCES;
  const isChopped = sum(kept) !== sum(possible);
  return isChopped && kept.every(({ value }) => value.kind !== "scalar") ? NO_RESOURCES : kept;
}

function sum(resources: Resources): number {
  return resources.reduce((all, { value }) => all + (value.kind === "scalar" ? value.millis : 0), 0);
}

/** All amounts are multiples of it. */
const STEP_MILLIS = 500;

/** The most, up to `millis`, by which no more than the surplus is taken from what the guarantees of others need. */
function largestGift(facts: Facts, role: string, name: string, millis: number, surplus: number): number {
  const needs = needed(facts, name, role, 0);
  const taken = (steps: number) => {
    const gift = steps * STEP_MILLIS;
    return gift - (needs - needed(facts, name, role, gift));
  };
  let [low, high] = [0, millis / STEP_MILLIS];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (taken(middle) <= surplus) low = middle;
    else high = middle - 1;
  }
  return low * STEP_MILLIS;
}

/** What all guarantees together lack if the role had that much more. */
function needed(facts: Facts, name: string, role: string, more: number): number {
  const tops = new Set([...facts.quotas.keys()].map((each) => line(each).at(-1) ?? each));
  return [...tops].reduce((all, top) => all + neededBy(facts, top, name, role, more), 0);
}

function neededBy(facts: Facts, path: string, name: string, role: string, more: number): number {
  const consumed = consumption(facts, path, name) + (line(role).includes(path) ? more : 0);
  const own = Math.max(0, (facts.quotas.get(path)?.guarantees[name] ?? 0) - consumed);
  const depth = path.split("/").length + 1;
  const below = new Set(
    [...facts.quotas.keys()]
      .filter((each) => each !== path && line(each).includes(path))
      .map((each) => each.split("/").slice(0, depth).join("/")),
  );
  const children = [...below].reduce((all, child) => all + neededBy(facts, child, name, role, more), 0);
  return Math.max(own, children);
}

function limitOf(facts: Facts, role: string, name: string): number {
  return facts.quotas.get(role)?.limits[name] ?? Number.POSITIVE_INFINITY;
}

function limitLeft(facts: Facts, role: string, name: string): number {
  const left = line(role).map(
    (each) =>
      (facts.quotas.get(each)?.limits[name] ?? Number.POSITIVE_INFINITY) - consumption(facts, each, name),
  );
  return Math.min(...left);
}

/** Held by the role and those below, but for what is revocable, and what is reserved to them and held by nobody. */
export function consumption(facts: Facts, path: string, name: string): number {
  const held = countedOnce(facts.held.filter((one) => line(one.role).includes(path)));
  const reserved = [...facts.agents.keys()]
    .flatMap((agent) => [...unheld(facts, agent)])
    .filter(({ meta }) => line(reservedTo(meta) ?? "").includes(path));
  const counted = [...held, ...reserved].filter((one) => one.name === name && !read(one.meta).revocable);
  return sum(counted);
}

/** What is shared counts once for an agent, however many hold it. */
function countedOnce(held: readonly Held[]): Resource[] {
  const seen = new Set<string>();
  return held.flatMap(({ agent, resources }) =>
    resources.filter((one) => {
      const key = `${agent} ${one.meta}`;
      const isCounted = !isShared(one) || !seen.has(key);
      seen.add(key);
      return isCounted;
    }),
  );
}

function freeToAll(facts: Facts, name: string): number {
  const agents = [...facts.agents].filter(([, { active }]) => active).map(([agent]) => agent);
  const all = agents.flatMap((agent) => [...free(facts, agent)]).filter((one) => one.name === name);
  return sum(all.filter(({ meta }) => reservedTo(meta) === null && !read(meta).revocable));
}

function isFiltered(facts: Facts, offer: Offer, now: number): boolean {
  return facts.filters.some(
    (filter) =>
      sameClient(filter, offer) &&
      filter.agent === offer.agent &&
      filter.until > now &&
      contains(filter.resources, offer.resources),
  );
}

function turns(facts: Facts, key: string): number {
  return facts.turns.get(key) ?? 0;
}

function groupShare(facts: Facts, path: string): Fraction {
  const [numerator, denominator] = share(facts, path, null);
  return [numerator * 1_000n, denominator * BigInt(facts.weights.get(path) ?? 1_000)];
}

function share(facts: Facts, path: string, framework: number | null): Fraction {
  const mine = facts.held.filter(
    (one) => isWithin(path, one.role) && (framework ?? one.framework) === one.framework,
  );
  let largest: Fraction = [0n, 1n];
  const counted = countedOnce(mine);
  for (const name of ["cpus", "mem", "gpus", "disk"].filter((each) => !facts.excluded.includes(each))) {
    const total = [...facts.agents.values()].reduce((all, agent) => all + scalarOf(agent.total, name), 0);
    const held = sum(counted.filter((one) => one.name === name));
    const fraction: Fraction = [BigInt(held), BigInt(total)];
    if (total > 0 && compare(fraction, largest) > 0) largest = fraction;
  }
  return largest;
}

function compare([a, b]: Fraction, [c, d]: Fraction): number {
  const difference = a * d - c * b;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
