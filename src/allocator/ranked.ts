// The lists of a ranking, worked out from the state: made, or brought up to date where they were made before. The sums and
// turns of each role and framework are compared with what they were, which costs much less than sorting all anew.
import { compareText, type FrameworkId, type RoleName } from "../kernel/ids.ts";
import { DEFAULT_WEIGHT_MILLIS } from "./limits.ts";
import { clientOf, frameworkOf, roleOf } from "./lookups.ts";
import type { AllocatorState, Client, ClientNumber, RoleEntry, Takes } from "./model.ts";
import { numberAtEnd } from "./order.ts";
import { topRoles } from "./role-tree.ts";
import { compareFractions, dominantFraction, type Fraction } from "./shares.ts";

export interface Competitor {
  /** By position in the ranking's `names`. */
  readonly amounts: number[];
  /** Thousandths; 1 for frameworks, which have no weight. */
  weight: number;
  share: Fraction;
  given: number;
}

export interface RankedClient extends Competitor {
  readonly number: ClientNumber;
  readonly frameworkId: FrameworkId;
  /** `numberAtEnd` of the framework's id. */
  readonly idNumber: number;
  readonly role: RoleName;
  readonly gpu: boolean;
  readonly regionAware: boolean;
  readonly takes: Takes;
}

/** A role with all below it, or the frameworks of a role that has others below it. The least served first, in both lists. */
export interface RankedGroup extends Competitor {
  /** The role; for the frameworks of one that has others below it, its name and `/.`, as in Mesos. */
  readonly path: string;
  /** Empty in a group of frameworks. */
  groups: RankedGroup[];
  /** Live ones. Empty in a group of groups. */
  clients: RankedClient[];
}

/** What amounts are counted in: the names of scalars by their place, and how much there is of each. */
interface Scale {
  readonly names: ReadonlyMap<string, number>;
  readonly totals: readonly number[];
}

export interface RankedTops extends Scale {
  /** The roles at the top that have live clients in them or below; the least served first. */
  readonly groups: RankedGroup[];
  /** What each framework is capable of, in the order of the state's Map. */
  readonly capabilities: readonly Capabilities[];
}

interface Capabilities {
  readonly frameworkId: FrameworkId;
  readonly gpu: boolean;
  readonly regionAware: boolean;
  readonly takes: Takes;
}

/** Frameworks have no weight. */
const NO_WEIGHT = 1;

/** Of one that was not worked out yet. */
const UNKNOWN_SHARE: Fraction = { amount: 0, total: 1, weight: 1 };

/** Ends the path of a group that is the frameworks of a role that has others below it, as in Mesos. */
const OWN_FRAMEWORKS = "/.";

/** The groups at the top, in order; those of the ranking before are used again where they can be. */
export function rankedTops(s: AllocatorState, scale: Scale, before: RankedTops | null): RankedTops {
  const usable = before !== null && isSameScale(scale, before) ? before : null;
  const areSame = usable !== null && haveSameCapabilities(s, usable.capabilities);
  const groups = new Ranker(s, scale, usable, areSame).groups(topRoles(s), usable?.groups ?? []);
  return { ...scale, groups, capabilities: areSame ? usable.capabilities : capabilitiesOf(s) };
}

function haveSameCapabilities(s: AllocatorState, before: readonly Capabilities[]): boolean {
  if (s.frameworks.size !== before.length) return false;
  let at = 0;
  for (const [frameworkId, { gpu, regionAware, takes }] of s.frameworks) {
    const known = before[at++];
    if (known?.frameworkId !== frameworkId || known.takes !== takes) return false;
    if (known.gpu !== gpu || known.regionAware !== regionAware) return false;
  }
  return true;
}

function capabilitiesOf({ frameworks }: AllocatorState): readonly Capabilities[] {
  const all: Capabilities[] = [];
  for (const [frameworkId, { gpu, regionAware, takes }] of frameworks) {
    all.push({ frameworkId, gpu, regionAware, takes });
  }
  return all;
}

function isSameScale(scale: Scale, before: Scale): boolean {
  const [names, namesBefore] = [[...scale.names.keys()], [...before.names.keys()]];
  return names.length === namesBefore.length && names.every((name, at) => name === namesBefore[at]);
}

class Ranker {
  readonly #s: AllocatorState;
  readonly #names: readonly string[];
  readonly #totals: readonly number[];
  readonly #totalsAreSame: boolean;
  readonly #capabilitiesAreSame: boolean;

  constructor(
    s: AllocatorState,
    { names, totals }: Scale,
    before: Scale | null,
    capabilitiesAreSame: boolean,
  ) {
    this.#capabilitiesAreSame = capabilitiesAreSame;
    this.#s = s;
    this.#names = [...names.keys()];
    this.#totals = totals;
    this.#totalsAreSame = before !== null && totals.every((total, at) => total === before.totals[at]);
  }

  /** @param before the list that there was of them, in its order */
  groups(roles: Iterable<RoleName>, before: readonly RankedGroup[]): RankedGroup[] {
    const known = byPath(before);
    const found = new Map<string, RankedGroup>();
    for (const role of roles) {
      const entry = roleOf(this.#s, role);
      if (entry.liveClients > 0) found.set(role, this.#role(role, entry, known.get(role)));
    }
    return inOrder(found, before);
  }

  #role(role: RoleName, entry: RoleEntry, known: RankedGroup | undefined): RankedGroup {
    const group = known ?? newGroup(role);
    this.#refresh(group, entry, entry.weightMillis);
    const below = entry.children.size === 0 ? [] : this.groups(entry.children.keys(), group.groups);
    if (below.length === 0) {
      group.groups = below;
      group.clients = this.#clients(entry, group.clients);
      return group;
    }
    if (entry.own.liveClients > 0) this.#addOwn(below, role, entry, group.groups);
    group.groups = below;
    group.clients = [];
    return group;
  }

  /** The role's own frameworks, as one more beside the roles below it. */
  #addOwn(groups: RankedGroup[], role: RoleName, entry: RoleEntry, before: readonly RankedGroup[]): void {
    const path = `${role}${OWN_FRAMEWORKS}`;
    const own = before.find((group) => group.path === path) ?? newGroup(path);
    this.#refresh(own, entry.own, DEFAULT_WEIGHT_MILLIS);
    own.clients = this.#clients(entry, own.clients);
    groups.push(own);
    groups.sort(compareGroups);
  }

  /** The role's live clients, in order. */
  #clients(entry: RoleEntry, before: RankedClient[]): RankedClient[] {
    const isKept = before.length === entry.own.liveClients && before.every((each) => this.#isKept(each));
    const clients = isKept ? before : this.#newClients(entry);
    return isSorted(clients, compareClients) ? clients : clients.sort(compareClients);
  }

  /** Whether it is live and can take what it could; then it is up to date. */
  #isKept(ranked: RankedClient): boolean {
    const client = this.#s.clients.get(ranked.number);
    if (client?.live !== true) return false;
    if (!this.#capabilitiesAreSame && !this.#isAsCapable(ranked)) return false;
    this.#refresh(ranked, client, NO_WEIGHT);
    return true;
  }

  #isAsCapable(ranked: RankedClient): boolean {
    const { gpu, regionAware, takes } = frameworkOf(this.#s, ranked.frameworkId);
    if (ranked.gpu !== gpu || ranked.regionAware !== regionAware) return false;
    return isSameTakes(ranked.takes, takes);
  }

  #newClients(entry: RoleEntry): RankedClient[] {
    const clients: RankedClient[] = [];
    for (const number of entry.clients.keys()) {
      const client = clientOf(this.#s, number);
      if (client.live) clients.push(this.#newClient(number, client));
    }
    return clients;
  }

  #newClient(number: ClientNumber, client: Client): RankedClient {
    const { frameworkId, role } = client;
    const { gpu, regionAware, takes } = frameworkOf(this.#s, frameworkId);
    const idNumber = numberAtEnd(frameworkId);
    const competitor = { amounts: [], weight: NO_WEIGHT, share: UNKNOWN_SHARE, given: 0 };
    const ranked = { number, frameworkId, idNumber, role, gpu, regionAware, takes, ...competitor };
    this.#refresh(ranked, client, NO_WEIGHT);
    return ranked;
  }

  #refresh(competitor: Competitor, { allocated, given }: Sums, weight: number): void {
    const { amounts } = competitor;
    let isSame = competitor.weight === weight && competitor.share !== UNKNOWN_SHARE && this.#totalsAreSame;
    for (let at = 0; at < this.#names.length; at++) {
      const amount = allocated.get(this.#names[at] ?? "") ?? 0;
      if (amounts[at] === amount) continue;
      amounts[at] = amount;
      isSame = false;
    }
    competitor.given = given;
    if (isSame) return;
    competitor.weight = weight;
    competitor.share = dominantFraction(amounts, this.#totals, weight);
  }
}

interface Sums {
  readonly allocated: ReadonlyMap<string, number>;
  readonly given: number;
}

function isSameTakes(a: Takes, b: Takes): boolean {
  return a === b || (a.refined === b.refined && a.revocable === b.revocable && a.shared === b.shared);
}

function newGroup(path: string): RankedGroup {
  const weight = DEFAULT_WEIGHT_MILLIS;
  return { path, amounts: [], weight, share: UNKNOWN_SHARE, given: 0, groups: [], clients: [] };
}

function byPath(groups: readonly RankedGroup[]): ReadonlyMap<string, RankedGroup> {
  const known = new Map<string, RankedGroup>();
  for (const group of groups) known.set(group.path, group);
  return known;
}

/** In the order that there was if that is right still. */
function inOrder(found: ReadonlyMap<string, RankedGroup>, before: readonly RankedGroup[]): RankedGroup[] {
  const kept = before.filter(({ path }) => found.has(path));
  const groups = kept.length === found.size ? kept : [...found.values()];
  return isSorted(groups, compareGroups) ? groups : groups.sort(compareGroups);
}

function isSorted<C>(list: readonly C[], compare: (a: C, b: C) => number): boolean {
  for (let at = 1; at < list.length; at++) {
    const [left, right] = [list[at - 1], list[at]];
    if (left !== undefined && right !== undefined && compare(left, right) > 0) return false;
  }
  return true;
}

export function compareGroups(a: RankedGroup, b: RankedGroup): number {
  return compareFractions(a.share, b.share) || a.given - b.given || compareText(a.path, b.path);
}

export function compareClients(a: RankedClient, b: RankedClient): number {
  const difference = compareFractions(a.share, b.share) || a.given - b.given || a.idNumber - b.idNumber;
  return difference || compareText(a.frameworkId, b.frameworkId);
}
