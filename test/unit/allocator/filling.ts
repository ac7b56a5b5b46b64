// Progressive filling (Ghodsi et al. 2011, section 4.2): frameworks that run tasks of one size each take them one by one
// out of the offers of an allocator that makes one offer a cycle, and refuse for ever an agent that holds no more.
import {
  type Allocation,
  type AllocatorState,
  addFilter,
  allocate,
  allocateTo,
  contains,
  hold,
  type Resources,
  recover,
  setWeight,
} from "../../../src/allocator/index.ts";
import { at, cluster, res, role } from "./helpers.ts";

/** Whole amounts: of an agent, or of one task. */
export interface Amounts {
  readonly cpus: number;
  readonly mem: number;
}

export interface User {
  readonly demand: Amounts;
  /** Thousandths. */
  readonly weight?: number;
}

export interface Turn {
  readonly user: number;
  readonly agent: string;
  readonly took: boolean;
  /** Tasks of each user before it. */
  readonly before: readonly number[];
}

export interface Filled {
  readonly tasks: readonly number[];
  readonly turns: readonly Turn[];
  readonly state: AllocatorState;
}

const NEVER = at(Number.MAX_SAFE_INTEGER);

/** Each user is the only framework of a role; the tasks of each when nobody takes anything any more. */
export function fill(agents: readonly Amounts[], users: readonly User[]): Filled {
  const roles = users.map((_user, index) => `r${index}`);
  const state = cluster(agents.map(text), roles);
  for (const [index, { weight = 1_000 }] of users.entries()) setWeight(state, role(`r${index}`), weight);
  const needs = users.map(({ demand }) => res(text(demand)));
  const tasks = users.map(() => 0);
  const turns: Turn[] = [];
  for (;;) {
    const [offer] = allocate(state, at(0), { offersMax: 1, minimum: [] });
    if (offer === undefined) return { tasks, turns, state };
    const user = Number(offer.role.slice(1));
    const before = [...tasks];
    const took = answer(state, offer, needs[user] ?? []);
    if (took) tasks[user] = (tasks[user] ?? 0) + 1;
    turns.push({ user, agent: offer.agentId, took, before });
  }
}

/** Takes one task of the offer and returns the rest; or refuses it for good if it is too small. */
function answer(state: AllocatorState, offer: Allocation, task: Resources): boolean {
  const { frameworkId, role: inRole, agentId, resources } = offer;
  allocateTo(state, frameworkId, inRole, agentId, resources);
  recover(state, frameworkId, inRole, agentId, resources);
  const fits = contains(resources, task);
  if (fits) hold(state, frameworkId, inRole, agentId, task);
  else addFilter(state, frameworkId, inRole, agentId, resources, NEVER);
  return fits;
}

function text({ cpus, mem }: Amounts): string {
  return `cpus:${cpus};mem:${mem}`;
}

export function total(agents: readonly Amounts[]): Amounts {
  return agents.reduce((all, { cpus, mem }) => ({ cpus: all.cpus + cpus, mem: all.mem + mem }));
}

/** What one task takes of its dominant resource (section 4): a part of the whole, 0 to 1. */
export function taskShare({ cpus, mem }: Amounts, whole: Amounts): number {
  return Math.max(cpus / whole.cpus, mem / whole.mem);
}

/** How many tasks of one size so many of another would make room for; not rounded down. */
export function worth(count: number, of: Amounts, demand: Amounts): number {
  const parts = [
    [of.cpus, demand.cpus],
    [of.mem, demand.mem],
  ] as const;
  return Math.min(
    ...parts.map(([held, needed]) => (needed === 0 ? Number.POSITIVE_INFINITY : (count * held) / needed)),
  );
}
