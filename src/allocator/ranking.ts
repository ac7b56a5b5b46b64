// Who is next: the roles by weighted dominant share, level by level down the tree of roles (AL01, AL04), in each role
// its frameworks by theirs; all kept in order while a cycle gives things away. Made anew for each cycle; the state is
// only read.
import { compareText, type FrameworkId, type RoleName } from "../kernel/ids.ts";
import { type Draws, drawsFor } from "./draws.ts";
import { DEFAULT_WEIGHT_MILLIS } from "./limits.ts";
import { clientOf, frameworkOf, roleOf } from "./lookups.ts";
import type { AllocateOptions, AllocatorState, Client, ClientNumber, RoleEntry, Takes } from "./model.ts";
import { numberAtEnd } from "./order.ts";
import type { Resources } from "./resources.ts";
import { topRoles } from "./role-tree.ts";
import { compareFractions, dominantFraction, type Fraction } from "./shares.ts";

/** From this distance on, V8 moves a part of a list faster as a block. */
const FAR_PLACES = 256;

interface Competitor {
  /** By position in the ranking's `names`. */
  readonly amounts: number[];
  readonly weight: number;
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

/** What a client is given. */
export interface Grant {
  readonly client: RankedClient;
  readonly resources: Resources;
}

/** Whom to ask in a pass over the ranking, and what each may have. */
export interface Pass {
  /** Whether to look at all into the group of roles or frameworks; `path` as in RankedGroup. */
  readonly enters: (path: string) => boolean;
  /** Null if the client is not to be given anything. */
  readonly offerFor: (client: RankedClient) => Resources | null;
}

/** A role with all below it, or the frameworks of a role that has others below it. The least served first, in both lists. */
export interface RankedGroup extends Competitor {
  /** The role; for the frameworks of one that has others below it, its name and `/.`, as in Mesos. */
  readonly path: string;
  /** Empty in a group of frameworks. */
  readonly groups: RankedGroup[];
  /** Live ones. Empty in a group of groups. */
  readonly clients: RankedClient[];
}

export interface Ranking {
  readonly names: ReadonlyMap<string, number>;
  readonly totals: readonly number[];
  /** The roles at the top that have live clients in them or below; the least served first. */
  readonly groups: RankedGroup[];
  /** Null where the order of the lists is that in which they are asked. */
  readonly draws: { readonly roles: Draws | null; readonly frameworks: Draws | null };
}

export function rank(s: AllocatorState, options: AllocateOptions = {}): Ranking {
  const excluded = options.fairShareExcluded;
  const counted =
    excluded === undefined ? [...s.totals] : [...s.totals].filter(([name]) => !excluded.has(name));
  const sorted = counted.sort(([a], [b]) => compareText(a, b));
  const names = new Map(sorted.map(([name], index) => [name, index]));
  const scale = { names, totals: sorted.map(([, millis]) => millis) };
  return { ...scale, groups: rankedRoles(s, topRoles(s), scale), draws: drawsFor(options) };
}

/**
 * Gives to the first client that may have something, the least served first at every level, and moves it and the groups
 * that it is in to their new places. @returns null if nobody may
 */
export function giveToFirst(ranking: Ranking, pass: Pass): Grant | null {
  return giveWithin(ranking, ranking.groups, pass);
}

function giveWithin(ranking: Ranking, groups: RankedGroup[], pass: Pass): Grant | null {
  const draw = ranking.draws.roles;
  for (let at = 0; at < groups.length; at++) {
    draw?.(groups, at);
    const group = groups[at];
    if (group === undefined || !pass.enters(group.path)) continue;
    const grant =
      group.groups.length > 0
        ? giveWithin(ranking, group.groups, pass)
        : giveToClient(ranking, group.clients, pass);
    if (grant === null) continue;
    charge(ranking, group, grant.resources);
    if (draw === null) moveBack(groups, at, compareGroups);
    return grant;
  }
  return null;
}

function giveToClient(ranking: Ranking, clients: RankedClient[], pass: Pass): Grant | null {
  const draw = ranking.draws.frameworks;
  for (let at = 0; at < clients.length; at++) {
    draw?.(clients, at);
    const client = clients[at];
    const resources = client === undefined ? null : pass.offerFor(client);
    if (client === undefined || resources === null) continue;
    charge(ranking, client, resources);
    if (draw === null) moveBack(clients, at, compareClients);
    return { client, resources };
  }
  return null;
}

function charge(ranking: Ranking, competitor: Competitor, resources: Resources): void {
  for (const { name, value } of resources) {
    const index = ranking.names.get(name);
    if (value.kind !== "scalar" || index === undefined) continue;
    competitor.amounts[index] = (competitor.amounts[index] ?? 0) + value.millis;
  }
  competitor.given++;
  competitor.share = dominantFraction(competitor.amounts, ranking.totals, competitor.weight);
}

/**
 * The one at that place has been given more: puts it behind all that now come before it. By a plain loop if that is
 * near, because splice takes longer then.
 */
function moveBack<C>(list: C[], at: number, compare: (a: C, b: C) => number): void {
  const moved = list[at];
  if (moved === undefined) return;
  let low = at + 1;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = list[middle];
    if (other !== undefined && compare(other, moved) < 0) low = middle + 1;
    else high = middle;
  }
  if (low - at > FAR_PLACES) {
    list.splice(at, 1);
    list.splice(low - 1, 0, moved);
    return;
  }
  for (let place = at; place < low - 1; place++) {
    const next = list[place + 1];
    if (next !== undefined) list[place] = next;
  }
  list[low - 1] = moved;
}

/** What amounts are counted in: the names of scalars by their place, and how much there is of each. */
interface Scale {
  readonly names: ReadonlyMap<string, number>;
  readonly totals: readonly number[];
}

function rankedRoles(s: AllocatorState, roles: Iterable<RoleName>, scale: Scale): RankedGroup[] {
  const groups: RankedGroup[] = [];
  for (const role of roles) {
    const entry = roleOf(s, role);
    if (entry.liveClients > 0) groups.push(rankedRole(s, role, entry, scale));
  }
  return groups.sort(compareGroups);
}

function rankedRole(s: AllocatorState, role: RoleName, entry: RoleEntry, scale: Scale): RankedGroup {
  const competitor = rankedSums(entry, entry.weightMillis, scale);
  const groups = rankedRoles(s, entry.children.keys(), scale);
  if (groups.length === 0)
    return { path: role, ...competitor, groups, clients: liveClients(s, entry, scale) };
  if (entry.own.liveClients > 0) {
    const own = rankedSums(entry.own, DEFAULT_WEIGHT_MILLIS, scale);
    groups.push({ path: `${role}/.`, ...own, groups: [], clients: liveClients(s, entry, scale) });
    groups.sort(compareGroups);
  }
  return { path: role, ...competitor, groups, clients: [] };
}

function rankedSums(sums: Sums, weight: number, { names, totals }: Scale): Competitor {
  const amounts = amountsOf(sums.allocated, names);
  return { amounts, weight, share: dominantFraction(amounts, totals, weight), given: sums.given };
}

function liveClients(s: AllocatorState, entry: RoleEntry, scale: Scale): RankedClient[] {
  const clients: RankedClient[] = [];
  for (const number of entry.clients.keys()) {
    const client = clientOf(s, number);
    if (client.live) clients.push(rankedClient(s, number, client, scale));
  }
  return clients.sort(compareClients);
}

function rankedClient(s: AllocatorState, number: ClientNumber, client: Client, scale: Scale): RankedClient {
  const { frameworkId, role } = client;
  const { gpu, regionAware, takes } = frameworkOf(s, frameworkId);
  const { amounts, weight, share, given } = rankedSums(client, 1, scale);
  const idNumber = numberAtEnd(frameworkId);
  return { number, frameworkId, idNumber, role, gpu, regionAware, takes, amounts, weight, share, given };
}

interface Sums {
  readonly allocated: ReadonlyMap<string, number>;
  readonly given: number;
}

function amountsOf(allocated: ReadonlyMap<string, number>, names: ReadonlyMap<string, number>): number[] {
  const amounts: number[] = [];
  for (const name of names.keys()) amounts.push(allocated.get(name) ?? 0);
  return amounts;
}

function compareGroups(a: RankedGroup, b: RankedGroup): number {
  return compareFractions(a.share, b.share) || a.given - b.given || compareText(a.path, b.path);
}

function compareClients(a: RankedClient, b: RankedClient): number {
  const difference = compareFractions(a.share, b.share) || a.given - b.given || a.idNumber - b.idNumber;
  return difference || compareText(a.frameworkId, b.frameworkId);
}
