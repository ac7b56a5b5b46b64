// Who is next: the roles by weighted dominant share, in each role its frameworks by theirs, both kept in order while a
// cycle gives things away. Made anew for each cycle; the state is only read.
import { compareText, type FrameworkId, type RoleName } from "../kernel/ids.ts";
import { clientOf, frameworkOf } from "./lookups.ts";
import type { AllocatorState, Client, ClientNumber, RoleEntry } from "./model.ts";
import { compareIds } from "./order.ts";
import type { Resources } from "./resources.ts";
import { compareFractions, dominantFraction, type Fraction } from "./shares.ts";

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
  readonly role: RoleName;
  readonly gpu: boolean;
}

export interface RankedRole extends Competitor {
  readonly role: RoleName;
  /** Live ones; the least served first. */
  readonly clients: RankedClient[];
}

export interface Ranking {
  readonly names: ReadonlyMap<string, number>;
  readonly totals: readonly number[];
  /** Those with live clients; the least served first. */
  readonly roles: RankedRole[];
}

export function rank(s: AllocatorState): Ranking {
  const sorted = [...s.totals].sort(([a], [b]) => compareText(a, b));
  const names = new Map(sorted.map(([name], index) => [name, index]));
  const totals = sorted.map(([, millis]) => millis);
  const roles: RankedRole[] = [];
  for (const [role, entry] of s.roles) {
    if (entry.liveClients > 0) roles.push(rankedRole(s, role, entry, names, totals));
  }
  return { names, totals, roles: roles.sort(compareRoles) };
}

/** Counts the resources as given to that client of that role, each named by its place, and moves both to their new places. */
export function give(ranking: Ranking, roleAt: number, clientAt: number, resources: Resources): void {
  const role = ranking.roles[roleAt];
  const client = role?.clients[clientAt];
  if (role === undefined || client === undefined) return;
  charge(ranking, client, resources);
  charge(ranking, role, resources);
  moveBack(role.clients, clientAt, compareClients);
  moveBack(ranking.roles, roleAt, compareRoles);
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
 * The one at that place has been given more: puts it behind all that now come before it. A plain loop, because
 * copyWithin takes many times as long on arrays this short.
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
  for (let place = at; place < low - 1; place++) {
    const next = list[place + 1];
    if (next !== undefined) list[place] = next;
  }
  list[low - 1] = moved;
}

function rankedRole(
  s: AllocatorState,
  role: RoleName,
  entry: RoleEntry,
  names: ReadonlyMap<string, number>,
  totals: readonly number[],
): RankedRole {
  const clients: RankedClient[] = [];
  for (const number of entry.clients.keys()) {
    const client = clientOf(s, number);
    if (client.live) clients.push(rankedClient(s, number, client, names, totals));
  }
  const amounts = amountsOf(entry.allocated, names);
  const share = dominantFraction(amounts, totals, entry.weightMillis);
  const { weightMillis: weight, given } = entry;
  return { role, amounts, weight, share, given, clients: clients.sort(compareClients) };
}

function rankedClient(
  s: AllocatorState,
  number: ClientNumber,
  client: Client,
  names: ReadonlyMap<string, number>,
  totals: readonly number[],
): RankedClient {
  const amounts = amountsOf(client.allocated, names);
  const share = dominantFraction(amounts, totals, 1);
  const { frameworkId, role, given } = client;
  return {
    number,
    frameworkId,
    role,
    gpu: frameworkOf(s, frameworkId).gpu,
    amounts,
    weight: 1,
    share,
    given,
  };
}

function amountsOf(allocated: ReadonlyMap<string, number>, names: ReadonlyMap<string, number>): number[] {
  return [...names.keys()].map((name) => allocated.get(name) ?? 0);
}

function compareRoles(a: RankedRole, b: RankedRole): number {
  return compareFractions(a.share, b.share) || a.given - b.given || compareText(a.role, b.role);
}

function compareClients(a: RankedClient, b: RankedClient): number {
  return compareFractions(a.share, b.share) || a.given - b.given || compareIds(a.frameworkId, b.frameworkId);
}
