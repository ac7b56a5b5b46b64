// Who is next: the roles by weighted dominant share, level by level down the tree of roles (AL01, AL04), in each role
// its frameworks by theirs; all kept in order while a cycle gives things away. The state is only read. A ranking that was
// made before can be brought up to date instead of a new one being made: little has changed then, and what is in order
// stays where it is.
import { compareText } from "../kernel/ids.ts";
import { type Draws, drawsFor } from "./draws.ts";
import type { AllocateOptions, AllocatorState } from "./model.ts";
import {
  type Competitor,
  compareClients,
  compareGroups,
  type RankedClient,
  type RankedGroup,
  rankedTops,
} from "./ranked.ts";
import type { Resources } from "./resources.ts";
import { dominantFraction } from "./shares.ts";

export type { RankedClient, RankedGroup } from "./ranked.ts";

/** From this distance on, V8 moves a part of a list faster as a block. */
const FAR_PLACES = 256;

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
  /** What of what is given is not in the sums of the client, or of all in the group, already: what is shared may be. All if left out. */
  readonly counted?: (resources: Resources, who: RankedClient | RankedGroup) => Resources;
}

export interface Ranking {
  readonly names: ReadonlyMap<string, number>;
  readonly totals: readonly number[];
  /** The roles at the top that have live clients in them or below; the least served first. */
  readonly groups: RankedGroup[];
  /** Null where the order of the lists is that in which they are asked. */
  readonly draws: { readonly roles: Draws | null; readonly frameworks: Draws | null };
}

/** @param before of the same state at another time, or null; it must not be used any more */
export function rank(
  s: AllocatorState,
  options: AllocateOptions = {},
  before: Ranking | null = null,
): Ranking {
  const excluded = options.fairShareExcluded;
  const counted =
    excluded === undefined ? [...s.totals] : [...s.totals].filter(([name]) => !excluded.has(name));
  const sorted = counted.sort(([a], [b]) => compareText(a, b));
  const names = new Map(sorted.map(([name], index) => [name, index]));
  const scale = { names, totals: sorted.map(([, millis]) => millis) };
  return { ...scale, groups: rankedTops(s, scale, before), draws: drawsFor(options) };
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
    charge(ranking, group, pass.counted?.(grant.resources, group) ?? grant.resources);
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
    charge(ranking, client, pass.counted?.(resources, client) ?? resources);
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
