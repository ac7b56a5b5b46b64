// An allocator that is obviously right: it keeps bare facts, works everything out from them each time, and compares
// exact fractions. No indexes, no counts, no order kept.
import {
  add,
  contains,
  NO_RESOURCES,
  type Resources,
  scalarOf,
  subtract,
  without,
} from "../../../src/allocator/index.ts";

interface Agent {
  total: Resources;
  active: boolean;
}

interface Framework {
  roles: string[];
  suppressed: string[];
  gpu: boolean;
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
  held: Held[];
  filters: (Held & { readonly until: number })[];
  /** Turns taken, by role with all below it, by `role/.` for its own frameworks, and by `framework role`. */
  turns: Map<string, number>;
  lastGiven: number | null;
}

export type Offer = Omit<Held, "resources"> & { readonly resources: Resources };
type Fraction = readonly [bigint, bigint];

export function noFacts(): Facts {
  return {
    agents: new Map(),
    frameworks: new Map(),
    weights: new Map(),
    held: [],
    filters: [],
    turns: new Map(),
    lastGiven: null,
  };
}

export function free(facts: Facts, agent: number): Resources {
  const held = facts.held.filter((one) => one.agent === agent).map((one) => one.resources);
  return without(facts.agents.get(agent)?.total ?? NO_RESOURCES, held.reduce(add, NO_RESOURCES));
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
  for (const agent of agentsInTurn(facts)) {
    const resources = free(facts, agent);
    if (scalarOf(resources, "cpus") < minimum || !facts.agents.get(agent)?.active) continue;
    const offer = firstWhoMay(facts, agent, resources, now, wants);
    if (offer === null) continue;
    offers.push(offer);
    giveTurn(facts, offer);
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

/** What is held is held by one list of facts for each (framework, role, agent); what is taken back is taken from it. */
export function takeBack(facts: Facts, offer: Offer): void {
  const mine = facts.held.filter((one) => sameClient(one, offer) && one.agent === offer.agent);
  const all = mine.map((one) => one.resources).reduce(add, NO_RESOURCES);
  facts.held = facts.held.filter((one) => !mine.includes(one));
  const rest = subtract(all, offer.resources);
  if (rest.length > 0) facts.held.push({ ...offer, resources: rest });
}

export function sameClient(a: Omit<Held, "resources">, b: Omit<Held, "resources">): boolean {
  return a.framework === b.framework && a.role === b.role;
}

function agentsInTurn(facts: Facts): number[] {
  const sorted = [...facts.agents.keys()].sort((a, b) => a - b);
  const last = facts.lastGiven ?? -1;
  return [...sorted.filter((agent) => agent > last), ...sorted.filter((agent) => agent <= last)];
}

function firstWhoMay(
  facts: Facts,
  agent: number,
  resources: Resources,
  now: number,
  wants: (offer: Offer) => boolean,
  path = "",
): Offer | null {
  const isLiveRole = (role: string) => liveFrameworks(facts, role).length > 0;
  const groups = groupsBelow(isLiveRole, rolesOf(facts), path).sort(
    (a, b) =>
      compare(groupShare(facts, a), groupShare(facts, b)) ||
      turns(facts, a) - turns(facts, b) ||
      (a < b ? -1 : 1),
  );
  if (groups.length === 0)
    return firstFramework(facts, agent, resources, now, path.replace(/\/\.$/, ""), wants);
  for (const group of groups) {
    const offer = firstWhoMay(facts, agent, resources, now, wants, group);
    if (offer !== null) return offer;
  }
  return null;
}

function firstFramework(
  facts: Facts,
  agent: number,
  resources: Resources,
  now: number,
  role: string,
  wants: (offer: Offer) => boolean,
): Offer | null {
  const frameworks = liveFrameworks(facts, role).sort(
    (a, b) =>
      compare(share(facts, `${role}/.`, a), share(facts, `${role}/.`, b)) ||
      turns(facts, `${a} ${role}`) - turns(facts, `${b} ${role}`) ||
      a - b,
  );
  for (const framework of frameworks) {
    const offer = { framework, role, agent, resources };
    if (isCapable(facts, offer) && !isFiltered(facts, offer, now) && wants(offer)) return offer;
  }
  return null;
}

export function isCapable(facts: Facts, { framework, agent }: Offer): boolean {
  const total = facts.agents.get(agent)?.total ?? NO_RESOURCES;
  return scalarOf(total, "gpus") === 0 || facts.frameworks.get(framework)?.gpu === true;
}

export function isFiltered(facts: Facts, offer: Offer, now: number): boolean {
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
  for (const name of ["cpus", "mem", "gpus"]) {
    const total = [...facts.agents.values()].reduce((all, agent) => all + scalarOf(agent.total, name), 0);
    const held = mine.reduce((all, one) => all + scalarOf(one.resources, name), 0);
    const fraction: Fraction = [BigInt(held), BigInt(total)];
    if (total > 0 && compare(fraction, largest) > 0) largest = fraction;
  }
  return largest;
}

function compare([a, b]: Fraction, [c, d]: Fraction): number {
  const difference = a * d - c * b;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
