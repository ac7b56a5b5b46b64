// What frameworks ask of an agent in each role: offer constraints that its attributes must satisfy (AL14), and least
// amounts that an offer must hold (AL08, AL12). Read anew for each cycle from what the caller says of frameworks and
// agents; while nothing of it has changed, an agent that nobody may have costs a few comparisons.
import type { AgentId } from "../kernel/ids.ts";
import { isBlocking } from "./blocking.ts";
import type { ConstraintFailure } from "./constraints/evaluate.ts";
import type { AgentFacts, RoleConstraints } from "./constraints/model.ts";
import { type AgentSlot, ConstraintCache } from "./constraints/verdicts.ts";
import { frameworkOf } from "./lookups.ts";
import type { AgentEntry, AllocatorState, ClientNumber } from "./model.ts";
import type { Minimum, RequirementsSource } from "./requirements.ts";
import { type Resources, scalarOf } from "./resources.ts";

/** Why a client may not have an agent, as far as it is its own wish. */
export type UnmetDemand =
  /** One failure for each group of its constraints. */
  | { readonly kind: "constraint"; readonly failures: readonly ConstraintFailure[] }
  /** For each alternative what is missing: thousandths by name. */
  | {
      readonly kind: "minimum";
      readonly minimum: Minimum;
      readonly lacks: readonly Readonly<Record<string, number>>[];
    };

interface Demand {
  readonly constraints: RoleConstraints | null;
  /** Place in `minimums`. */
  readonly minimum: number;
  readonly gpu: boolean;
}

/** Place of the cycle's own minimum. */
const GLOBAL = 0;

/** The agent that is looked at, and what has been worked out of it. */
interface Candidate {
  readonly agentId: AgentId;
  readonly slot: AgentSlot;
  /** By place of the minimum. */
  readonly reached: boolean[];
}

export class Demands {
  /** Whether no client asks for more than the cycle's own minimum. */
  readonly areNone: boolean;
  readonly #minimums: Minimum[];
  readonly #places: Map<Minimum, number> = new Map();
  /** Live clients that ask for something. */
  readonly #byClient: Map<ClientNumber, Demand> = new Map();
  readonly #constrained: (Demand & { readonly constraints: RoleConstraints })[] = [];
  readonly #source: RequirementsSource | null;
  readonly #cache: ConstraintCache;
  readonly #round: number;
  /** Whether some live client is content with the cycle's own minimum. */
  #globalCounts = false;
  #candidate: Candidate | null = null;

  /** @param minimum the cycle's own */
  constructor(s: AllocatorState, source: RequirementsSource | null, minimum: Minimum) {
    this.#minimums = [minimum];
    this.#source = source;
    this.#cache = source?.cache ?? new ConstraintCache();
    if (source === null) this.#globalCounts = true;
    else this.#read(s, source);
    this.areNone = this.#byClient.size === 0;
    const inUse = this.#constrained.map(({ constraints }) => constraints);
    this.#cache.begin(s.agents.size, inUse);
    this.#round = this.#cache.roundOf([...inUse, ...this.#constrained.map(({ gpu }) => gpu)]);
  }

  /** How many of the clients that could have the agent, filters aside, are kept from it by their constraints. */
  excludedCount(agentId: AgentId, agent: AgentEntry): number {
    if (this.#constrained.length === 0) return 0;
    const slot = this.#slotOf(agentId);
    const { counted, version } = slot;
    if (counted?.round === this.#round && counted.version === version && counted.gpu === agent.gpu) {
      return counted.count;
    }
    let count = 0;
    for (const { constraints, gpu } of this.#constrained) {
      if ((!agent.gpu || gpu) && this.#cache.excludes(constraints, slot)) count++;
    }
    slot.counted = { round: this.#round, version, gpu: agent.gpu, count };
    return count;
  }

  /** How many of those that are kept away by constraints are counted in the agent's `blocked` too. */
  excludedAndBlockedCount(agentId: AgentId, agent: AgentEntry): number {
    const slot = this.#slotOf(agentId);
    let count = 0;
    for (const [number, filters] of agent.filters) {
      const demand = this.#byClient.get(number);
      if (demand === undefined || demand.constraints === null || (agent.gpu && !demand.gpu)) continue;
      if (isBlocking(filters) && this.#cache.excludes(demand.constraints, slot)) count++;
    }
    return count;
  }

  /** Whether what is free is enough for somebody who competes. */
  isEnoughForSomebody(free: Resources): boolean {
    return this.#minimums.some(
      (minimum, at) => (at !== GLOBAL || this.#globalCounts) && reaches(free, minimum),
    );
  }

  /** Whether the client's own wishes keep it from the agent. */
  keepsAway(number: ClientNumber, agentId: AgentId, agent: AgentEntry): boolean {
    const candidate = this.#candidateOf(agentId);
    const demand = this.#byClient.get(number);
    if (
      demand != null &&
      demand.constraints !== null &&
      this.#cache.excludes(demand.constraints, candidate.slot)
    )
      return true;
    const place = demand?.minimum ?? GLOBAL;
    candidate.reached[place] ??= reaches(agent.free, this.#minimums[place] ?? []);
    return !candidate.reached[place];
  }

  /** Why it does, null if it does not. */
  unmet(number: ClientNumber, agentId: AgentId, agent: AgentEntry): UnmetDemand | null {
    const demand = this.#byClient.get(number);
    const constraints = demand?.constraints ?? null;
    if (constraints !== null) {
      const failures = this.#cache.failures(constraints, this.#slotOf(agentId).facts);
      if (failures.length > 0) return { kind: "constraint", failures };
    }
    const minimum = this.#minimums[demand?.minimum ?? GLOBAL] ?? [];
    if (reaches(agent.free, minimum)) return null;
    return { kind: "minimum", minimum, lacks: minimum.map((set) => lacking(agent.free, set)) };
  }

  #read(s: AllocatorState, source: RequirementsSource): void {
    for (const [number, client] of s.clients) {
      if (!client.live) continue;
      const asked = source.requirementsOf(client.frameworkId, client.role);
      const minimum = this.#placeOf(asked?.minimum ?? null);
      if (minimum === GLOBAL) this.#globalCounts = true;
      if (asked === null) continue;
      const { constraints } = asked;
      const { gpu } = frameworkOf(s, client.frameworkId);
      this.#byClient.set(number, { constraints, minimum, gpu });
      if (constraints !== null) this.#constrained.push({ constraints, minimum, gpu });
    }
  }

  #placeOf(minimum: Minimum | null): number {
    if (minimum === null) return GLOBAL;
    const place = this.#places.get(minimum) ?? this.#minimums.push(minimum) - 1;
    this.#places.set(minimum, place);
    return place;
  }

  #candidateOf(agentId: AgentId): Candidate {
    if (this.#candidate?.agentId === agentId) return this.#candidate;
    this.#candidate = { agentId, slot: this.#slotOf(agentId), reached: [] };
    return this.#candidate;
  }

  #slotOf(agentId: AgentId): AgentSlot {
    return this.#cache.slotOf(agentId, this.#source?.factsOf(agentId) ?? NO_FACTS);
  }
}

const NO_FACTS: AgentFacts = { hostname: "", region: null, zone: null, attributes: [] };

/** Whether one of the alternatives is there in full. */
export function reaches(free: Resources, minimum: Minimum): boolean {
  return minimum.length === 0 || minimum.some((set) => reachesSet(free, set));
}

function reachesSet(free: Resources, set: Readonly<Record<string, number>>): boolean {
  for (const name of Object.keys(set)) if (scalarOf(free, name) < (set[name] ?? 0)) return false;
  return true;
}

function lacking(free: Resources, set: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const lacks = Object.entries(set).map(([name, millis]) => [name, millis - scalarOf(free, name)] as const);
  return Object.fromEntries(lacks.filter(([, millis]) => millis > 0));
}
