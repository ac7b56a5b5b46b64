// An operator who reserves disk and CPUs on agents, makes volumes of it and undoes both, by way of any master that believes
// to lead, and keeps what was answered for the check at the end: what was answered as done is there exactly once, and what
// was undone is there no more, unless nobody knows what became of the last call.

import type { ConversionType, Resources } from "../src/allocator/index.ts";
import { conversionOf } from "../src/api/convert/operations.ts";
import type { Resource as WireResource } from "../src/contract/types.ts";
import type { AgentId } from "../src/kernel/ids.ts";
import type { Random } from "../src/kernel/ports.ts";
import { between, chance, pick } from "../src/kernel/random.ts";
import type { Master, Outcome } from "../src/master/types.ts";
import { totalOf } from "../src/state/agent-resources.ts";
import type { ClusterState } from "../src/state/model.ts";
import { type Check, checkOf } from "./checkers/check.ts";
import type { EventLoop, Life } from "./event-loop.ts";
import { type MasterMachine, STATIC_DISK } from "./machines.ts";
import type { Trace } from "./trace.ts";

const check: Check = checkOf("operations");
/** Those that frameworks are in, and one above. */
const ROLES = ["eng/ads", "batch", "eng"];
/** Reservations and volumes of one agent at a time. */
const ITEMS_PER_AGENT_MAX = 4;

export interface ReserverParts {
  readonly loop: EventLoop;
  readonly random: Random;
  readonly trace: Trace;
  readonly masters: readonly MasterMachine[];
  /** Mean time between two calls. Milliseconds. */
  readonly everyMs: number;
}

type Step = "none" | "reserved" | "volume";

/** A piece of an agent's resources that is like no other. */
interface Item {
  readonly label: string;
  readonly agentId: AgentId;
  readonly role: string;
  readonly name: "cpus" | "disk";
  /** Made of what is reserved statically: it begins and ends there, and has no reservation of its own. */
  readonly isStatic: boolean;
  /** One if all answers are known. */
  possible: readonly Step[];
  isAsking: boolean;
}

/** CPUs, and megabytes of disk. */
const AMOUNTS = { cpus: 0.1, disk: 8 } as const;

export class Reserver {
  readonly #parts: ReserverParts;
  readonly #life: Life = { name: "reserver", alive: true };
  readonly #items: Item[] = [];

  constructor(parts: ReserverParts) {
    this.#parts = parts;
  }

  /** Operations that were answered as done. */
  done = 0;

  start(): void {
    const { loop, random, everyMs } = this.#parts;
    loop.schedule(between(random, 1, 2 * everyMs) * 1_000, this.#life, () => {
      this.#operate();
      this.start();
    });
  }

  stop(): void {
    this.#life.alive = false;
  }

  /** @param state of a cluster at rest. What was on an agent that is forgotten is forgotten with it. */
  check(state: ClusterState): void {
    for (const item of this.#items) {
      const agent = state.agents.get(item.agentId);
      if (agent === undefined) continue;
      const found = partsOf(totalOf(agent), item.label);
      const facts = () => ({ ...item, found });
      const isOnce =
        found.length === 0 || (found.length === 1 && found[0]?.millis === AMOUNTS[item.name] * 1_000);
      check(isOnce, "what was reserved is there twice, or in part", facts);
      const step = found[0]?.step ?? "none";
      check(
        item.possible.includes(step),
        "what an operator has done is lost, or what he has undone is not",
        facts,
      );
    }
  }

  #operate(): void {
    const { random, masters } = this.#parts;
    const leaders = masters.filter(({ master }) => master?.status().ready === true);
    const master = leaders.length === 0 ? null : pick(random, leaders).master;
    if (master === null) return;
    const known = this.#items.filter(({ isAsking, possible }) => !isAsking && possible.length === 1);
    const isNew = known.length === 0 || chance(random, 1 / 3);
    const item = isNew ? this.#newItem(master) : pick(random, known);
    if (item !== null) this.#advance(item, master);
  }

  #newItem(master: Master): Item | null {
    const { random } = this.#parts;
    const agentIds = [...master.state().agents.keys()];
    if (agentIds.length === 0) return null;
    const agentId = pick(random, agentIds);
    const open = this.#items.filter((each) => each.agentId === agentId && each.possible.join() !== "none");
    if (open.length >= ITEMS_PER_AGENT_MAX) return null;
    const isStatic = chance(random, 1 / 4);
    const item: Item = {
      label: `item-${this.#items.length}`,
      agentId,
      role: isStatic ? STATIC_DISK.role : pick(random, ROLES),
      name: isStatic || chance(random, 1 / 2) ? "disk" : "cpus",
      isStatic,
      possible: ["none"],
      isAsking: false,
    };
    this.#items.push(item);
    return item;
  }

  #advance(item: Item, master: Master): void {
    const { random, trace } = this.#parts;
    const [from = "none"] = item.possible;
    const to = nextStep(item, from, chance(random, 1 / 2));
    const type = typeOf(from, to);
    trace.line("reserver", `${type} ${item.label} on ${item.agentId}`);
    item.isAsking = true;
    item.possible = [from, to];
    const resources = [wireOf(item, type === "CREATE" || type === "DESTROY")];
    const operation = conversionOf({ type, operationId: null, resources, source: undefined }, null);
    void master.submit({ kind: "operate", agentId: item.agentId, operation }).then((outcome) => {
      item.isAsking = false;
      item.possible = stepsAfter(outcome, from, to);
      if (outcome.kind === "done") this.done++;
    });
  }
}

function nextStep({ name, isStatic }: Item, from: Step, up: boolean): Step {
  if (isStatic) return from === "none" ? "volume" : "none";
  if (from === "none") return "reserved";
  if (from === "volume") return "reserved";
  return up && name === "disk" ? "volume" : "none";
}

function typeOf(from: Step, to: Step): ConversionType {
  if (to === "volume") return "CREATE";
  if (from === "volume") return "DESTROY";
  return to === "reserved" ? "RESERVE" : "UNRESERVE";
}

function stepsAfter({ kind }: Outcome, from: Step, to: Step): readonly Step[] {
  if (kind === "unknown") return [from, to];
  return kind === "done" ? [to] : [from];
}

function wireOf({ label, role, name, isStatic }: Item, isVolume: boolean): WireResource {
  const labels = { labels: [{ key: "item", value: label }] };
  return {
    name,
    type: "SCALAR",
    scalar: { value: AMOUNTS[name] },
    reservations: [isStatic ? { type: "STATIC", role } : { type: "DYNAMIC", role, labels }],
    ...(isVolume
      ? { disk: { persistence: { id: label }, volume: { mode: "RW", container_path: "data" } } }
      : {}),
  };
}

/** What has the label, as its own reservation or as the id of a volume. */
function partsOf(
  total: Resources,
  label: string,
): readonly { readonly step: Step; readonly millis: number }[] {
  return total
    .filter(({ meta }) => meta.includes(`"${label}"`))
    .map(({ meta, value }) => ({
      step: meta.includes('"persistence"') ? ("volume" as const) : ("reserved" as const),
      millis: value.kind === "scalar" ? value.millis : 0,
    }));
}
