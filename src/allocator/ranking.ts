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
  type RankedTops,
  rankedTops,
} from "./ranked.ts";
import type { Resources } from "./resources.ts";
import { dominantFraction } from "./shares.ts";
import { Turns } from "./turns.ts";

export type { RankedClient, RankedGroup } from "./ranked.ts";

/** From this length on a list is kept in blocks while a cycle goes on. */
const LONG_LIST_LENGTH = 256;

type TurnsOf<C> = Map<C[], Turns<C>>;

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

export interface Ranking extends RankedTops {
  /** The order of long lists, which has changed since it was in them. */
  readonly turns: { readonly roles: TurnsOf<RankedGroup>; readonly frameworks: TurnsOf<RankedClient> };
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
  if (before !== null) settle(before);
  const turns = { roles: new Map(), frameworks: new Map() };
  return { ...rankedTops(s, scale, before), turns, draws: drawsFor(options) };
}

/** Brings the lists into the order that they have by now. */
function settle({ turns }: Ranking): void {
  for (const [list, order] of turns.roles) list.splice(0, list.length, ...order);
  for (const [list, order] of turns.frameworks) list.splice(0, list.length, ...order);
}

/**
 * Gives to the first client that may have something, the least served first at every level, and moves it and the groups
 * that it is in to their new places. @returns null if nobody may
 */
export function giveToFirst(ranking: Ranking, pass: Pass): Grant | null {
  return giveWithin(ranking, ranking.groups, pass);
}

function giveWithin(ranking: Ranking, groups: RankedGroup[], pass: Pass): Grant | null {
  const { draws, turns } = ranking;
  const take = (group: RankedGroup): Grant | null => {
    if (!pass.enters(group.path)) return null;
    const grant =
      group.groups.length > 0
        ? giveWithin(ranking, group.groups, pass)
        : giveToClient(ranking, group.clients, pass);
    if (grant !== null) charge(ranking, group, pass.counted?.(grant.resources, group) ?? grant.resources);
    return grant;
  };
  return draws.roles === null
    ? firstInTurn(groups, take, compareGroups, turns.roles)
    : firstDrawn(groups, take, draws.roles);
}

function giveToClient(ranking: Ranking, clients: RankedClient[], pass: Pass): Grant | null {
  const { draws, turns } = ranking;
  const take = (client: RankedClient): Grant | null => {
    const resources = pass.offerFor(client);
    if (resources === null) return null;
    charge(ranking, client, pass.counted?.(resources, client) ?? resources);
    return { client, resources };
  };
  return draws.frameworks === null
    ? firstInTurn(clients, take, compareClients, turns.frameworks)
    : firstDrawn(clients, take, draws.frameworks);
}

function firstDrawn<C extends Competitor, R>(list: C[], take: (each: C) => R | null, draw: Draws): R | null {
  for (let at = 0; at < list.length; at++) {
    draw(list, at);
    const each = list[at];
    const taken = each === undefined ? null : take(each);
    if (taken !== null) return taken;
  }
  return null;
}

/** The one of which something is taken comes behind all that now come before it. */
function firstInTurn<C, R>(
  list: C[],
  take: (each: C) => R | null,
  compare: (a: C, b: C) => number,
  turns: TurnsOf<C>,
): R | null {
  if (list.length >= LONG_LIST_LENGTH) return turnsOf(list, compare, turns).first(take);
  for (let at = 0; at < list.length; at++) {
    const each = list[at];
    const taken = each === undefined ? null : take(each);
    if (taken === null) continue;
    moveBack(list, at, compare);
    return taken;
  }
  return null;
}

function turnsOf<C>(list: C[], compare: (a: C, b: C) => number, turns: TurnsOf<C>): Turns<C> {
  const known = turns.get(list);
  if (known !== undefined) return known;
  const made = new Turns(list, compare);
  turns.set(list, made);
  return made;
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

/** The one at that place has been given more. By a plain loop, for a short list costs less so than by splice. */
function moveBack<C>(list: C[], at: number, compare: (a: C, b: C) => number): void {
  const moved = list[at];
  if (moved === undefined) return;
  let place = at;
  for (let next = list[place + 1]; next !== undefined && compare(next, moved) < 0; next = list[place + 1]) {
    list[place] = next;
    place++;
  }
  list[place] = moved;
}
