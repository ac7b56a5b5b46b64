// An operator who takes agents out of the offers and drains them, plans maintenance of their machines, and takes it all
// back, by way of any master that believes to lead. When faults are over every agent is active again: that takes until the
// drains that were begun have come to their end.
import type { Random } from "../src/kernel/ports.ts";
import { between, chance, pick } from "../src/kernel/random.ts";
import type { Master } from "../src/master/types.ts";
import { machineOf } from "../src/state/machines.ts";
import type { Agent, AgentSpec, ClusterState, MaintenanceWindow } from "../src/state/model.ts";
import type { EventLoop, Life } from "./event-loop.ts";
import type { MasterMachine } from "./machines.ts";
import type { Trace } from "./trace.ts";

/** Between two looks at what is left to be taken back. Milliseconds. */
const LOOK_MS = 500;
/** Longest graces that are allowed. Nanoseconds. */
const GRACES: readonly (bigint | null)[] = [null, 0n, 1_000_000_000n, 60_000_000_000n];

export interface DrainerParts {
  readonly loop: EventLoop;
  readonly random: Random;
  readonly trace: Trace;
  readonly masters: readonly MasterMachine[];
  /** Mean time between two orders. Milliseconds. */
  readonly everyMs: number;
}

export class Drainer {
  readonly #parts: DrainerParts;
  #life: Life = { name: "drainer", alive: true };

  constructor(parts: DrainerParts) {
    this.#parts = parts;
  }

  start(): void {
    const { loop, random, everyMs } = this.#parts;
    loop.schedule(between(random, 1, 2 * everyMs) * 1_000, this.#life, () => {
      this.#order();
      this.start();
    });
  }

  /** From now on all is taken back. */
  stop(): void {
    this.#life.alive = false;
    this.#life = { name: "drainer", alive: true };
    this.#takeBack();
  }

  /** What is not taken back yet; null if nothing. @param state of the newest entry */
  whyNotDone(state: ClusterState): string | null {
    if (state.maintenance.machines.size > 0) return "there is a maintenance schedule";
    const out = [...state.agents.values()].find(isOut);
    return out === undefined ? null : `agent ${out.id} is not active: ${out.deactivation?.drain?.state}`;
  }

  #order(): void {
    const { random, trace } = this.#parts;
    const master = this.#leader();
    if (master === null) return;
    const agents = [...master.state().agents.values()];
    if (agents.length === 0) return;
    const { id: agentId, spec, deactivation } = pick(random, agents);
    if (chance(random, 1 / 6)) {
      const windows = chance(random, 1 / 2) ? [] : [windowOf(spec, random)];
      trace.line("drainer", `plans maintenance of ${windows.length} machines`);
      void master.submit({ kind: "update-maintenance-schedule", windows });
    } else if (deactivation !== undefined && chance(random, 2 / 3)) {
      trace.line("drainer", `reactivates ${agentId}`);
      void master.submit({ kind: "reactivate-agent", agentId });
    } else if (chance(random, 1 / 3)) {
      trace.line("drainer", `deactivates ${agentId}`);
      void master.submit({ kind: "deactivate-agent", agentId });
    } else {
      trace.line("drainer", `drains ${agentId}`);
      const config = { maxGraceNanos: pick(random, GRACES), markGone: false };
      void master.submit({ kind: "drain-agent", agentId, config });
    }
  }

  #takeBack(): void {
    const master = this.#leader();
    const { agents, maintenance } = master?.state() ?? {};
    if (maintenance !== undefined && maintenance.machines.size > 0) {
      void master?.submit({ kind: "update-maintenance-schedule", windows: [] });
    }
    for (const agent of agents?.values() ?? []) {
      const { id: agentId, deactivation } = agent;
      if (deactivation !== undefined && deactivation.drain?.state !== "draining")
        void master?.submit({ kind: "reactivate-agent", agentId });
    }
    this.#parts.loop.schedule(LOOK_MS * 1_000, this.#life, () => this.#takeBack());
  }

  /** One that believes to lead: with a cut in the network there may be several. */
  #leader(): Master | null {
    const { masters, random } = this.#parts;
    const leaders = masters.filter(({ master }) => master?.status().ready === true);
    return leaders.length === 0 ? null : pick(random, leaders).master;
  }
}

/** One that came back as another agent stays away for ever, and its drain is never done. */
function isOut({ deactivation, connection }: Agent): boolean {
  return deactivation !== undefined && connection.kind === "connected";
}

function windowOf(spec: AgentSpec, random: Random): MaintenanceWindow {
  const unavailability = { start: BigInt(between(random, 0, 3)), duration: null };
  return { machines: [machineOf(spec)], unavailability };
}
