// A master's decisions and their consequences under virtual time, with nothing between it and its frameworks: commands go
// in, what frameworks are told comes out at once. The code that decides is the master's own.
import { parse, type Resources } from "../../src/allocator/index.ts";
import { assert } from "../../src/kernel/assert.ts";
import {
  type AgentId,
  asId,
  asMillis,
  asTerm,
  type FrameworkId,
  type OfferId,
  type TaskId,
} from "../../src/kernel/ids.ts";
import type { Command, TaskSpec } from "../../src/state/commands.ts";
import { type Decision, decide } from "../../src/state/decide.ts";
import type { FrameworkEvent } from "../../src/state/effects.ts";
import { effectsOf } from "../../src/state/effects-of.ts";
import { evolve } from "../../src/state/evolve.ts";
import { policyOf } from "../../src/state/policy.ts";
import { createClusterState } from "../../src/state/snapshot.ts";

const SETTINGS = { frameworkReconnectMs: 60_000, agentReconnectMs: 75_000 };

/** What is to be done when. */
interface Plan {
  readonly at: number;
  readonly number: number;
  readonly action: () => void;
}

export interface Listener {
  told(event: FrameworkEvent): void;
}

export class VirtualCluster {
  /** Milliseconds. */
  now = 1;
  readonly #state = createClusterState();
  readonly #listeners: Map<FrameworkId, Listener> = new Map();
  readonly #plans: Plan[] = [];
  #numbers = 0;

  /** @param optimisticAfterMs null for offers as in Mesos */
  constructor(optimisticAfterMs: number | null) {
    const policy = policyOf({ optimisticAfterMs });
    this.do({ kind: "lead", memberId: asId("m1"), term: asTerm(1), policy });
  }

  at(ms: number, action: () => void): void {
    const plan = { at: ms, number: this.#numbers++, action };
    let place = this.#plans.length;
    while (place > 0 && (this.#plans[place - 1]?.at ?? 0) <= plan.at) place--;
    this.#plans.splice(place, 0, plan);
  }

  runUntil(endMs: number): void {
    for (let next = this.#plans.at(-1); next !== undefined && next.at <= endMs; next = this.#plans.at(-1)) {
      this.#plans.pop();
      this.now = next.at;
      next.action();
    }
    this.now = endMs;
  }

  do(command: Command): Decision {
    const now = asMillis(this.now);
    const decision = decide(this.#state, command, { now, newClusterId: asId("omega"), settings: SETTINGS });
    assert(decision.kind === "accepted", "a command of the experiment is refused", { command: command.kind });
    const told: (() => void)[] = [];
    for (const event of decision.events) {
      evolve(this.#state, event, now);
      for (const effect of effectsOf(event, this.#state)) {
        if (effect.to !== "framework") continue;
        told.push(() => this.#listeners.get(effect.frameworkId)?.told(effect.event));
      }
    }
    for (const tell of told) tell();
    return decision;
  }

  addAgent(resources: Resources, number: number): void {
    const hostname = `agent-${number}`;
    this.do({
      kind: "register-agent",
      agentId: null,
      spec: { hostname, port: 5051, resources, attributes: {}, version: "1", wire: {} },
      connectionId: hostname,
      tasks: [],
      executors: [],
    });
  }

  /** Suppressed at first: it asks for offers when it has something to run. */
  subscribe(name: string, listener: Listener): FrameworkId {
    const role = asId<never>(name);
    const decision = this.do({
      kind: "subscribe",
      frameworkId: null,
      spec: {
        name,
        user: "root",
        failoverTimeoutMs: 0,
        checkpoint: false,
        principal: null,
        roles: [role],
        capabilities: ["MULTI_ROLE"],
        wire: {},
      },
      suppressedRoles: [role],
      streamId: asId(name),
    });
    const reply = decision.kind === "accepted" ? decision.reply : null;
    assert(reply?.kind === "subscribed", "a framework of the experiment is not subscribed", { name });
    this.#listeners.set(reply.frameworkId, listener);
    return reply.frameworkId;
  }

  launch(frameworkId: FrameworkId, offerIds: readonly OfferId[], tasks: readonly TaskSpec[]): void {
    this.do({
      kind: "accept",
      frameworkId,
      offerIds,
      operations: [{ kind: "launch", operationId: null, tasks }],
      refuseMs: 0,
    });
  }

  finish(frameworkId: FrameworkId, taskId: TaskId, agentId: AgentId): void {
    const status = {
      state: "TASK_FINISHED",
      uuid: (++this.#numbers).toString(16).padStart(32, "0"),
      at: asMillis(this.now),
      wire: {},
    } as const;
    const task = { frameworkId, taskId, agentId };
    this.do({ kind: "update-status", ...task, status, latestState: "TASK_FINISHED" });
    this.do({ kind: "acknowledge", ...task, uuid: status.uuid });
  }
}

/** @param text as of `--resources` */
export function resources(text: string): Resources {
  const parsed = parse(text);
  assert(parsed.ok, "resources of the experiment cannot be read", { text });
  return parsed.value;
}
