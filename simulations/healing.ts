// The ends of all faults. First a core is healed: a quorum of the masters, some agents and frameworks and the paths
// between them; what is left broken stays broken for good, and the core has to come right without it. Then everybody is.
import type { Random } from "../src/kernel/ports.ts";
import { below, between, pick } from "../src/kernel/random.ts";
import type { FaultParts } from "./faults.ts";
import type { AgentMachine, FrameworkMachine, Machine, MasterMachine } from "./machines.ts";
import { type SimOptions, TICK_MS } from "./options.ts";

export interface Core {
  readonly masters: readonly MasterMachine[];
  readonly agents: readonly AgentMachine[];
  readonly frameworks: readonly FrameworkMachine[];
}

/** What a machine outside the core is like. deaf: nothing reaches it; mute: nothing of it reaches the core. */
const CONDITIONS = ["down", "cut-off", "deaf", "mute", "disk-hangs"] as const;

/** Longest election timeout if the options do not say. Milliseconds. */
const ELECTION_MS_MAX = 2_000;
/** Until a core has a leader that everybody in it has found, apart from waits that the options draw. Milliseconds. */
const CORE_MS = 60_000;

/** Ticks in which the core has to come right. */
export function coreTicks({ giveUpMs, raft }: SimOptions): number {
  const elections = (raft.electionMaxMs ?? ELECTION_MS_MAX) * 20;
  return Math.ceil((CORE_MS + 2 * giveUpMs.high + elections) / TICK_MS);
}

/** False while so many members are healing that a quorum need not do without the others: at the foundation, mostly. */
export function mayHaveCore({ masters }: Pick<Core, "masters">): boolean {
  return masters.filter(({ damage }) => damage === "none").length > masters.length / 2;
}

/**
 * Members whose disks have lost nothing come first: they are a majority, and only they are sure to have everything. One
 * that remembers nothing is left out: it is healed by all the others together.
 */
export function drawCore(random: Random, { masters, agents, frameworks }: Core): Core {
  const majority = Math.floor(masters.length / 2) + 1;
  const size = between(random, majority, masters.length);
  const shuffled = shuffle(random, masters);
  const whole = shuffled.filter(({ damage }) => damage === "none");
  const others = shuffled.filter(({ damage }) => damage === "suspected" || damage === "healing");
  return {
    masters: [...whole, ...others].slice(0, size),
    agents: shuffle(random, agents).slice(0, between(random, 1, agents.length)),
    frameworks: shuffle(random, frameworks).slice(0, between(random, 1, frameworks.length)),
  };
}

/** Heals the core and breaks the rest for good. */
export function healCore(parts: FaultParts, core: Core): void {
  const { network, trace, masters, agents, frameworks, random } = parts;
  const inside = new Set<Machine>([...core.masters, ...core.agents, ...core.frameworks]);
  trace.line("faults", `the core is healed: ${[...inside].map(({ name }) => name).join(" ")}`);
  network.healAll();
  for (const machine of inside) mend(parts, machine);
  for (const machine of [...masters, ...agents, ...frameworks]) {
    if (inside.has(machine)) continue;
    machine.isAbandoned = true;
    abandon(parts, core, machine, pick(random, CONDITIONS));
  }
}

/** Everything is mended, and everybody is started again. */
export function healAll(parts: FaultParts): void {
  const { network, masters, agents, frameworks, trace } = parts;
  trace.line("faults", "all is healed");
  network.healAll();
  for (const machine of [...masters, ...agents, ...frameworks]) {
    machine.isAbandoned = false;
    mend(parts, machine);
  }
  for (const { volumes } of agents) volumes.failNoMore();
}

function mend({ options }: FaultParts, machine: Machine): void {
  machine.disk.failNoMore();
  machine.disk.interrupt(null);
  machine.disk.setFaults(options.disk);
  machine.disk.resume();
  machine.start();
}

function abandon(
  { network, trace }: FaultParts,
  core: Core,
  machine: Machine,
  condition: (typeof CONDITIONS)[number],
): void {
  trace.line(machine.name, `stays ${condition}`);
  if (condition === "down") machine.losePower();
  if (condition === "disk-hangs") machine.disk.stall();
  for (const { name } of core.masters) {
    if (condition === "cut-off" || condition === "deaf") network.cut(name, machine.name);
    if (condition === "cut-off" || condition === "mute") network.cut(machine.name, name);
  }
}

function shuffle<Item>(random: Random, items: readonly Item[]): readonly Item[] {
  const left = [...items];
  const shuffled: Item[] = [];
  while (left.length > 0) {
    const at = below(random, left.length);
    shuffled.push(...left.splice(at, 1));
  }
  return shuffled;
}
