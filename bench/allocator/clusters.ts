// The clusters that are measured: agents, frameworks and roles of a cell of the grid, in the states that the cases need.
import {
  type Allocation,
  type AllocatorState,
  addAgent,
  addFilter,
  addFramework,
  allocate,
  allocateTo,
  createAllocatorState,
  hold,
  makeResources,
  parse,
  type Resources,
  SlicedCycles,
  setQuota,
} from "../../src/allocator/index.ts";
import { type AgentId, asId, asMillis, type FrameworkId, type RoleName } from "../../src/kernel/ids.ts";
import { OFFERS_PER_CYCLE_MAX } from "../../src/state/limits.ts";

/** `shared`: a shared volume on every agent, which all frameworks can take; `mixed`: on half, which half of them can. */
export type ResourceKind = "regular" | "shared" | "mixed";

export interface Cell {
  readonly agents: number;
  readonly frameworks: number;
  readonly resources: ResourceKind;
  /** 1, or that many in a tree of three levels, every second one of them under quota. */
  readonly roles: number;
}

/** Who holds what, and where. */
export type Task = readonly [FrameworkId, RoleName, AgentId, Resources];

export const NOW = asMillis(1_700_000_000_000);
const YEAR_MS = 31_536_000_000;
const TOP_ROLE = "bench";
const BRANCHES = 5;
/** Thousandths of an agent: what quotas are made of. */
const AGENT_MILLIS = { cpus: 24_000, mem: 4_096_000 };

const REGULAR = resources("cpus:24;mem:4096;disk:4096;ports:[31000-32000]");
/** 99 % of an agent; the rest is less than the minimum that is offered. */
const NEARLY_ALL = resources("cpus:23.995;mem:4080;disk:4055;ports:[31000-31990]");

function resources(text: string): Resources {
  const parsed = parse(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

const WITH_VOLUME = withVolume();

function withVolume(): Resources {
  const reservations = [{ type: "STATIC", role: TOP_ROLE }];
  const disk = { persistence: { id: "v" }, volume: { container_path: "v", mode: "RW" } };
  const meta = JSON.stringify({ reservations, disk, shared: {} });
  const volume = { name: "disk", meta, value: { kind: "scalar" as const, millis: 1_024_000 } };
  const made = makeResources([...REGULAR, volume]);
  if (!made.ok) throw new Error(made.error);
  return made.value;
}

const agentId = (number: number): AgentId => asId<AgentId>(`bench-S${number}`);
const frameworkId = (number: number): FrameworkId =>
  asId<FrameworkId>(`bench-${String(number).padStart(4, "0")}`);

function totalOf({ resources: kind }: Cell, agent: number): Resources {
  return kind === "shared" || (kind === "mixed" && agent % 2 === 0) ? WITH_VOLUME : REGULAR;
}

/** The roles, those above first: five at the second level, all others spread below these. */
function rolesOf({ roles }: Cell): readonly RoleName[] {
  const names = [TOP_ROLE];
  for (let at = 1; at < roles; at++) {
    names.push(at <= BRANCHES ? `${TOP_ROLE}/${at}` : `${TOP_ROLE}/${1 + (at % BRANCHES)}/${at}`);
  }
  return names.map((name) => asId<RoleName>(name));
}

function roleOf(cell: Cell, framework: number): RoleName {
  const leaves = rolesOf(cell).slice(cell.roles > 1 + BRANCHES ? 1 + BRANCHES : 0);
  return leaves[framework % leaves.length] ?? asId<RoleName>(TOP_ROLE);
}

/** Frameworks, and quotas if there are several roles; no agents. */
export function withFrameworks(cell: Cell): AllocatorState {
  const state = createAllocatorState();
  for (let number = 0; number < cell.frameworks; number++) {
    const shared = cell.resources === "shared" || (cell.resources === "mixed" && number % 2 === 0);
    const terms = { roles: [roleOf(cell, number)], suppressed: [], capabilities: { gpu: false, shared } };
    addFramework(state, frameworkId(number), terms);
  }
  if (cell.roles > 1) setQuotas(state, cell);
  return state;
}

/** Every second role below the second level is guaranteed its part of a fifth of the cluster, and limited to a half. */
function setQuotas(state: AllocatorState, cell: Cell): void {
  const { agents, roles } = cell;
  for (const [at, role] of rolesOf(cell).entries()) {
    if (at % 2 === 0) continue;
    const ofAll = (part: number) =>
      new Map(
        Object.entries(AGENT_MILLIS).map(([name, millis]) => [name, Math.ceil(millis * agents * part)]),
      );
    setQuota(state, role, {
      guarantees: at <= BRANCHES ? new Map() : ofAll(0.4 / roles),
      limits: ofAll(0.5),
    });
  }
}

export function addAgents(state: AllocatorState, cell: Cell): void {
  for (let number = 0; number < cell.agents; number++)
    addAgent(state, agentId(number), totalOf(cell, number));
}

export function allFree(cell: Cell): AllocatorState {
  const state = withFrameworks(cell);
  addAgents(state, cell);
  return state;
}

/** Each framework has declined all of each agent for a year. Each refusal brings resources of its own, as an event does. */
export function allDeclined(cell: Cell): AllocatorState {
  const state = allFree(cell);
  const until = asMillis(NOW + YEAR_MS);
  for (let framework = 0; framework < cell.frameworks; framework++) {
    const role = roleOf(cell, framework);
    for (let agent = 0; agent < cell.agents; agent++) {
      const declined = structuredCopy(totalOf(cell, agent));
      addFilter(state, frameworkId(framework), role, agentId(agent), declined, until);
    }
  }
  return state;
}

function structuredCopy(all: Resources): Resources {
  return all.map(({ name, meta, value }) => ({ name, meta, value: { ...value } }));
}

export function nearlyFull(cell: Cell): AllocatorState {
  const state = allFree(cell);
  for (let number = 0; number < cell.agents; number++) {
    const framework = number % cell.frameworks;
    hold(state, frameworkId(framework), roleOf(cell, framework), agentId(number), heldOn(cell, number));
  }
  return state;
}

/** All that is reserved is held too, so that nothing of it is left to offer. */
function heldOn(cell: Cell, agent: number): Resources {
  const total = totalOf(cell, agent);
  if (total === REGULAR) return NEARLY_ALL;
  const made = makeResources([...NEARLY_ALL, ...total.filter(({ meta }) => meta !== "")]);
  if (!made.ok) throw new Error(made.error);
  return made.value;
}

/** What the first agent's task held: recovered, it leaves that agent free. */
export function firstTask(cell: Cell): Task {
  return [frameworkId(0), roleOf(cell, 0), agentId(0), heldOn(cell, 0)];
}

export function carryOut(state: AllocatorState, offers: readonly Allocation[]): void {
  for (const { frameworkId: id, role, agentId: agent, resources: offered } of offers) {
    allocateTo(state, id, role, agent, offered);
  }
}

export function cycle(state: AllocatorState): readonly Allocation[] {
  return allocate(state, NOW);
}

/** Offers as a master does: cycles in slices, each carried out before the next, with what it keeps from one to another. */
export class Offering {
  readonly #cycles: SlicedCycles = new SlicedCycles();
  #turn = 0;

  /** @param around is given each slice to make */
  cycle(
    state: AllocatorState,
    around: (make: () => readonly Allocation[]) => readonly Allocation[] = (make) => make(),
  ): readonly Allocation[] {
    const all: Allocation[] = [];
    do {
      const made = around(() =>
        this.#cycles.next(state, NOW, { offersMax: OFFERS_PER_CYCLE_MAX }, this.#turn),
      );
      carryOut(state, made);
      this.#turn += made.length;
      all.push(...made);
    } while (this.#cycles.isUnderWay);
    return all;
  }
}
