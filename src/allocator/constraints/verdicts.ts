// Remembered answers to "does this agent satisfy these constraints?": one byte for each pair, so that a cycle in which
// nothing has changed evaluates nothing. Derived from the state and never part of it: it may be thrown away at any time.
// Constraints and facts are known by identity, for neither is ever changed in place.
import type { AgentId } from "../../kernel/ids.ts";
import { type ConstraintFailure, failuresOf, satisfies } from "./evaluate.ts";
import { VERDICT_BYTES_MAX } from "./limits.ts";
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
    readonly count: number;
  } | null;
}

interface Table {
  verdicts: Uint8Array;
  /** The cycle in which it was last asked. */
  usedIn: number;
}

/** Places that the first table has; tables grow with the number of agents. */
const FIRST_CAPACITY = 64;

export class ConstraintCache {
  readonly #bytesMax: number;
  readonly #regexes: RegexCache = new RegexCache();
  readonly #slots: Map<AgentId, AgentSlot> = new Map();
  /** The one used longest ago comes first. */
  readonly #tables: Map<RoleConstraints, Table> = new Map();
  #bytes = 0;
  #cycle = 0;
  #round: { readonly number: number; readonly members: readonly unknown[] } = { number: 0, members: [] };
  #evaluations = 0;

  constructor(bytesMax: number = VERDICT_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** How often constraints were held against an agent, since the beginning. */
  get evaluations(): number {
    return this.#evaluations;
  }

  /** Bytes of remembered answers. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Begins a cycle. Agents that are no more are forgotten when they have become many.
   * @param inUse the constraints that it may ask about: others go first when there is no more room
   */
  begin(agentCount: number, inUse: readonly RoleConstraints[]): void {
    this.#cycle++;
    if (this.#slots.size > 2 * agentCount + FIRST_CAPACITY) this.#clear();
    for (const constraints of inUse) {
      const table = this.#tables.get(constraints);
      if (table === undefined || table.usedIn === this.#cycle) continue;
      table.usedIn = this.#cycle;
      this.#tables.delete(constraints);
      this.#tables.set(constraints, table);
    }
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
      const slot: AgentSlot = { index: this.#slots.size, facts, version: 0, counted: null };
      this.#slots.set(agentId, slot);
      return slot;
    }
    const changed = JSON.stringify(known.facts) !== JSON.stringify(facts);
    known.facts = facts;
    if (changed) this.#forgetAgent(known);
    return known;
  }

  excludes(constraints: RoleConstraints, slot: AgentSlot): boolean {
    const table = this.#tableFor(constraints, slot.index);
    const known = table?.verdicts[slot.index] ?? UNKNOWN;
    if (known !== UNKNOWN) return known === EXCLUDED;
    this.#evaluations++;
    const excluded = !satisfies(constraints, slot.facts, this.#regexes.matches);
    if (table !== null) table.verdicts[slot.index] = excluded ? EXCLUDED : SATISFIES;
    return excluded;
  }

  failures(constraints: RoleConstraints, facts: AgentFacts): readonly ConstraintFailure[] {
    return failuresOf(constraints, facts, this.#regexes.matches);
  }

  /** A table with room for the agent; null if there is no memory for it. */
  #tableFor(constraints: RoleConstraints, index: number): Table | null {
    const known = this.#tables.get(constraints);
    if (known !== undefined && index < known.verdicts.length) return known;
    let capacity = FIRST_CAPACITY;
    while (capacity < this.#slots.size) capacity *= 2;
    const before = known?.verdicts ?? new Uint8Array(0);
    if (!this.#makeRoom(capacity - before.length, constraints)) return null;
    const table = { verdicts: new Uint8Array(capacity), usedIn: this.#cycle };
    table.verdicts.set(before);
    this.#tables.set(constraints, table);
    this.#bytes += capacity - before.length;
    return table;
  }

  /** Tables of this cycle stay, or they would drive each other out again and again. */
  #makeRoom(bytes: number, beside: RoleConstraints): boolean {
    for (const [oldest, { verdicts, usedIn }] of this.#tables) {
      if (this.#bytes + bytes <= this.#bytesMax) return true;
      if (oldest === beside || usedIn === this.#cycle) continue;
      this.#tables.delete(oldest);
      this.#bytes -= verdicts.length;
    }
    return this.#bytes + bytes <= this.#bytesMax;
  }

  #forgetAgent(slot: AgentSlot): void {
    slot.version++;
    for (const { verdicts } of this.#tables.values()) {
      if (slot.index < verdicts.length) verdicts[slot.index] = UNKNOWN;
    }
  }

  #clear(): void {
    this.#slots.clear();
    this.#tables.clear();
    this.#bytes = 0;
    this.#round = { number: this.#round.number + 1, members: [] };
  }
}
