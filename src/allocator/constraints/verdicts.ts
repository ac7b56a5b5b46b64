// Remembered answers to "does this agent satisfy these constraints?": one byte for each pair, so that a cycle in which
// nothing has changed evaluates nothing. Derived from the state and never part of it: it may be thrown away at any time.
// Constraints and facts are known by identity, for neither is ever changed in place; equal constraints share answers.
import type { AgentId } from "../../kernel/ids.ts";
import { type ConstraintFailure, failuresOf, satisfies } from "./evaluate.ts";
import { EVALUATION_COST, VERDICT_BYTES_MAX } from "./limits.ts";
import type { AgentFacts, RoleConstraints } from "./model.ts";
import { RegexCache } from "./regex.ts";

const UNKNOWN = 0;
const SATISFIES = 1;
const EXCLUDED = 2;

/** An agent's place in the tables; its own count of exclusions is for whoever counts (demands.ts). */
export interface AgentSlot {
  readonly index: number;
  facts: AgentFacts;
  /** Changes with the agent's facts. */
  version: number;
  counted: {
    readonly round: number;
    readonly version: number;
    readonly gpu: boolean;
    readonly remote: boolean;
    /** What was free on the agent. */
    readonly free: object;
    readonly count: number;
  } | null;
}

interface Table {
  readonly constraints: RoleConstraints;
  verdicts: Uint8Array;
  /** Agents below this index have been evaluated, unless their facts have changed since. */
  filled: number;
  /** The cycle in which it was last asked. */
  usedIn: number;
}

export interface ConstraintCacheOptions {
  readonly bytesMax?: number;
  /**
   * What one cycle may spend on evaluation (in the unit of EVALUATION_COST); what it does not come to counts as excluded
   * in that cycle, and `isBehind` says so. Without it a cycle evaluates all that it needs.
   */
  readonly workMax?: number;
}

/** Places that the first table has; tables grow with the number of agents. */
const FIRST_CAPACITY = 64;

export class ConstraintCache {
  readonly #bytesMax: number;
  readonly #workMax: number;
  readonly #regexes: RegexCache = new RegexCache();
  readonly #slots: Map<AgentId, AgentSlot> = new Map();
  /** By index. */
  readonly #places: AgentSlot[] = [];
  /** By text, for equal constraints; the one used longest ago comes first. */
  readonly #tables: Map<string, Table> = new Map();
  readonly #texts: WeakMap<object, string> = new WeakMap();
  #bytes = 0;
  #cycle = 0;
  #agentCount = 0;
  #round: { readonly number: number; readonly members: readonly unknown[] } = { number: 0, members: [] };
  #evaluations = 0;
  #work = 0;
  #behind = false;

  constructor({
    bytesMax = VERDICT_BYTES_MAX,
    workMax = Number.POSITIVE_INFINITY,
  }: ConstraintCacheOptions = {}) {
    this.#bytesMax = bytesMax;
    this.#workMax = workMax;
  }

  /** How often constraints were held against an agent, since the beginning. */
  get evaluations(): number {
    return this.#evaluations;
  }

  /** Bytes of remembered answers. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the last cycle could not evaluate all that it needed: the next one goes on. */
  get isBehind(): boolean {
    return this.#behind;
  }

  /**
   * Begins a cycle. Agents that are no more are forgotten when they have become many.
   * @param inUse the constraints that it may ask about: others go first when there is no more room
   */
  begin(
    agents: ReadonlyMap<AgentId, unknown>,
    factsOf: (agentId: AgentId) => AgentFacts,
    inUse: readonly RoleConstraints[],
  ): void {
    this.#cycle++;
    this.#work = 0;
    this.#behind = false;
    if (this.#slots.size > 2 * agents.size + FIRST_CAPACITY) this.#clear();
    if (inUse.length === 0) return;
    for (const constraints of inUse) this.#use(this.textOf(constraints));
    if (this.#agentCount === agents.size) return;
    // All that are new before any is asked about, so that a table is filled in one go.
    for (const agentId of agents.keys()) this.slotOf(agentId, factsOf(agentId));
    this.#agentCount = agents.size;
  }

  /**
   * A number that stays the same as long as the members do, compared one by one by identity: what was counted over
   * them need not be counted again.
   */
  roundOf(members: readonly unknown[]): number {
    const before = this.#round.members;
    const same = before.length === members.length && members.every((member, at) => member === before[at]);
    if (!same) this.#round = { number: this.#round.number + 1, members };
    return this.#round.number;
  }

  slotOf(agentId: AgentId, facts: AgentFacts): AgentSlot {
    const known = this.#slots.get(agentId);
    if (known?.facts === facts) return known;
    if (known === undefined) {
      const slot: AgentSlot = { index: this.#places.length, facts, version: 0, counted: null };
      this.#slots.set(agentId, slot);
      this.#places.push(slot);
      return slot;
    }
    const changed = JSON.stringify(known.facts) !== JSON.stringify(facts);
    known.facts = facts;
    if (changed) this.#forgetAgent(known);
    return known;
  }

  excludes(constraints: RoleConstraints, slot: AgentSlot): boolean {
    const table = this.#tableFor(constraints, slot.index);
    if (table === null) return this.#evaluate(constraints, slot) === EXCLUDED;
    if (slot.index >= table.filled) this.#fill(table);
    const known = table.verdicts[slot.index] ?? UNKNOWN;
    if (known !== UNKNOWN) return known === EXCLUDED;
    if (!this.#mayWork()) return true;
    const verdict = this.#evaluate(constraints, slot);
    table.verdicts[slot.index] = verdict;
    return verdict === EXCLUDED;
  }

  /** Equal objects have equal texts. They must never be changed in place. */
  textOf(asked: object): string {
    const known = this.#texts.get(asked);
    if (known !== undefined) return known;
    const text = JSON.stringify(asked);
    this.#texts.set(asked, text);
    return text;
  }

  failures(constraints: RoleConstraints, facts: AgentFacts): readonly ConstraintFailure[] {
    return failuresOf(constraints, facts, this.#regexes.matches);
  }

  /** One table after the other, so that its expressions are compiled once. */
  #fill(table: Table): void {
    while (table.filled < this.#places.length && this.#mayWork()) {
      const slot = this.#places[table.filled];
      if (slot !== undefined) table.verdicts[slot.index] = this.#evaluate(table.constraints, slot);
      table.filled++;
    }
  }

  #evaluate(constraints: RoleConstraints, { facts }: AgentSlot): number {
    this.#evaluations++;
    const before = this.#regexes.work;
    const satisfied = satisfies(constraints, facts, this.#regexes.matches);
    this.#work += EVALUATION_COST + this.#regexes.work - before;
    return satisfied ? SATISFIES : EXCLUDED;
  }

  #mayWork(): boolean {
    if (this.#work < this.#workMax) return true;
    this.#behind = true;
    return false;
  }

  /** A table with room for all agents; null if there is no memory for it. */
  #tableFor(constraints: RoleConstraints, index: number): Table | null {
    const text = this.textOf(constraints);
    const known = this.#tables.get(text);
    if (known !== undefined && index < known.verdicts.length) return known;
    let capacity = FIRST_CAPACITY;
    while (capacity < this.#places.length) capacity *= 2;
    const before = known?.verdicts ?? new Uint8Array(0);
    if (!this.#makeRoom(capacity - before.length, text)) return null;
    const verdicts = new Uint8Array(capacity);
    verdicts.set(before);
    const table = { constraints, verdicts, filled: known?.filled ?? 0, usedIn: this.#cycle };
    this.#tables.set(text, table);
    this.#bytes += capacity - before.length;
    return table;
  }

  /** Tables of this cycle stay, or they would drive each other out again and again. */
  #makeRoom(bytes: number, beside: string): boolean {
    for (const [oldest, { verdicts, usedIn }] of this.#tables) {
      if (this.#bytes + bytes <= this.#bytesMax) return true;
      if (oldest === beside || usedIn === this.#cycle) continue;
      this.#tables.delete(oldest);
      this.#bytes -= verdicts.length;
    }
    return this.#bytes + bytes <= this.#bytesMax;
  }

  #use(text: string): void {
    const table = this.#tables.get(text);
    if (table === undefined || table.usedIn === this.#cycle) return;
    table.usedIn = this.#cycle;
    this.#tables.delete(text);
    this.#tables.set(text, table);
  }

  #forgetAgent(slot: AgentSlot): void {
    slot.version++;
    for (const { verdicts } of this.#tables.values()) {
      if (slot.index < verdicts.length) verdicts[slot.index] = UNKNOWN;
    }
  }

  #clear(): void {
    this.#slots.clear();
    this.#places.length = 0;
    this.#agentCount = 0;
    this.#tables.clear();
    this.#bytes = 0;
    this.#round = { number: this.#round.number + 1, members: [] };
  }
}
