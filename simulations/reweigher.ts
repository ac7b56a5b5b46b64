// An operator who sets weights of roles now and then, by way of any master that believes to lead, and keeps what was
// answered for the check at the end: the newest weight that was answered as set is there, unless another may have
// followed it.
import { asId, type RoleName } from "../src/kernel/ids.ts";
import type { Random } from "../src/kernel/ports.ts";
import { between, pick } from "../src/kernel/random.ts";
import type { ClusterState } from "../src/state/model.ts";
import { type Check, checkOf } from "./checkers/check.ts";
import type { EventLoop, Life } from "./event-loop.ts";
import type { MasterMachine } from "./machines.ts";
import type { Trace } from "./trace.ts";

const check: Check = checkOf("weights");
/** Those that frameworks are in, one above and some that nobody is in. */
const ROLES = ["eng/ads", "batch", "eng", "eng/web", "ops/night"];
/** Thousandths. */
const WEIGHTS = [500, 1_000, 1_000, 2_500, 9_000];
/** Thousandths; mostly none, so that work goes on. */
const LIMITS: readonly (readonly number[])[] = [[], [], [2_000], [6_000]];

export interface ReweigherParts {
  readonly loop: EventLoop;
  readonly random: Random;
  readonly trace: Trace;
  readonly masters: readonly MasterMachine[];
  /** Mean time between two calls. Milliseconds. */
  readonly everyMs: number;
}

interface Asked {
  readonly role: RoleName;
  readonly weightMillis: number;
  readonly at: number;
  /** When it was answered as done; null if it was refused or nobody knows. */
  doneAt: number | null;
  isRefused: boolean;
}

export class Reweigher {
  readonly #parts: ReweigherParts;
  readonly #life: Life = { name: "reweigher", alive: true };
  readonly #asked: Asked[] = [];

  constructor(parts: ReweigherParts) {
    this.#parts = parts;
  }

  start(): void {
    const { loop, random, everyMs } = this.#parts;
    loop.schedule(between(random, 1, 2 * everyMs) * 1_000, this.#life, () => {
      this.#reweigh();
      if (between(random, 0, 3) === 0) this.#limit();
      this.start();
    });
  }

  stop(): void {
    this.#life.alive = false;
  }

  /** @param state of a cluster at rest */
  check(state: ClusterState): void {
    for (const role of ROLES.map((name) => asId<RoleName>(name))) {
      const asked = this.#asked.filter((one) => one.role === role && !one.isRefused);
      const newest = Math.max(-1, ...asked.filter(({ doneAt }) => doneAt !== null).map(({ at }) => at));
      const possible = asked.filter(({ doneAt }) => doneAt === null || doneAt >= newest);
      const weightMillis = state.weights.get(role);
      const isUnset = weightMillis === undefined && newest < 0;
      const isPossible = possible.some((one) => one.weightMillis === weightMillis);
      check(isUnset || isPossible, "a weight is not what it was set to", () => ({
        role,
        weightMillis,
        asked,
      }));
    }
  }

  /** Of cpus, now and then one too many; those that do not fit into one another are refused. */
  #limit(): void {
    const { random, trace, masters } = this.#parts;
    const role = asId<RoleName>(pick(random, ROLES));
    const limits = pick(random, LIMITS).map((millis) => ["cpus", millis] as const);
    const leaders = masters.filter(({ master }) => master?.status().ready === true);
    const master = leaders.length === 0 ? null : pick(random, leaders).master;
    if (master === null) return;
    trace.line("reweigher", `${role} shall have ${limits.length === 0 ? "no limit" : "at most cpus"}`);
    const quotas = [{ role, quota: { guarantees: [], limits } }];
    void master.submit({ kind: "update-quotas", quotas, force: true });
  }

  #reweigh(): void {
    const { loop, random, trace, masters } = this.#parts;
    const role = asId<RoleName>(pick(random, ROLES));
    const weightMillis = pick(random, WEIGHTS);
    const leaders = masters.filter(({ master }) => master?.status().ready === true);
    const master = leaders.length === 0 ? null : pick(random, leaders).master;
    if (master === null) return;
    const asked: Asked = { role, weightMillis, at: loop.now, doneAt: null, isRefused: false };
    this.#asked.push(asked);
    trace.line("reweigher", `${role} shall weigh ${weightMillis}`);
    void master.submit({ kind: "update-weights", weights: [{ role, weightMillis }] }).then(({ kind }) => {
      if (kind === "done") asked.doneAt = loop.now;
      else asked.isRefused = kind !== "unknown";
    });
  }
}
