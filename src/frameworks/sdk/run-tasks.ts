// Runs a list of tasks to their end on whatever is offered: first fit, spread over agents, retries, and no result lost
// or counted twice through a change of leader. Enough for batch jobs; anything cleverer is built on `Framework`.
import type {
  CommandInfo,
  Offer,
  OfferOperation,
  Resource,
  TaskInfo,
  TaskStatus,
} from "../../contract/types.ts";
import { FrameworkError } from "./errors.ts";
import type { Framework } from "./framework.ts";
import { DECLINE_SECONDS, LAUNCH_REFUSALS_MAX, RECONCILE_INTERVAL_MS } from "./limits.ts";

export interface TaskRequest {
  /** Unique among the tasks of the framework. A retry has `.2`, `.3` … appended. */
  readonly id: string;
  readonly name?: string;
  /** CPUs, thousandths at the finest. */
  readonly cpus: number;
  /** Megabytes. */
  readonly mem: number;
  /** A command line for /bin/sh, or a program with its arguments. */
  readonly command: string | readonly string[];
  /** Image to run in: a reference, or the path of an OCI archive on the agent. Only with the containerd runtime. */
  readonly image?: string;
  readonly user?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface TaskOutcome {
  readonly request: TaskRequest;
  /** Id under which it ran in the end. */
  readonly taskId: string;
  readonly status: TaskStatus;
  /** Where it ran: the agent's `host:port` and the path of its sandbox files there. */
  readonly sandbox: SandboxAddress | undefined;
  readonly attempts: number;
}

export interface SandboxAddress {
  readonly agent: string;
  readonly path: string;
}

export interface RunTasksOptions {
  /** Attempts of a task that fails or is lost; default 3. */
  readonly attemptsMax?: number;
  /** Refuse time of offers that are used in part. Seconds; default 0.1: there are more tasks to come. */
  readonly refuseSeconds?: number;
  readonly onLaunch?: (taskId: string, offer: Offer) => void;
  readonly onUpdate?: (taskId: string, status: TaskStatus) => void;
}

interface Running {
  readonly request: TaskRequest;
  readonly attempts: number;
  readonly offer: Offer;
  /** Its fate was asked for and not yet told since the last subscription. */
  unknown: boolean;
}

const TERMINAL = new Set([
  "TASK_FINISHED",
  "TASK_FAILED",
  "TASK_KILLED",
  "TASK_ERROR",
  "TASK_LOST",
  "TASK_DROPPED",
  "TASK_GONE",
  "TASK_GONE_BY_OPERATOR",
]);

/** Terminal or, in an answer to RECONCILE, a task that the cluster has never heard of: the ACCEPT was lost. */
export function isOver(status: TaskStatus): boolean {
  return TERMINAL.has(status.state) || status.state === "TASK_UNKNOWN";
}

/**
 * Resolves when every task has finished, or failed for the last time; the outcomes are in the order of the requests. One
 * list at a time: it takes all offers that the framework gets meanwhile. A task whose agent is unreachable is waited for.
 * @throws Error if two requests have one id or a callback throws, FrameworkError if the framework ends before
 */
export function runTasks(
  framework: Framework,
  requests: readonly TaskRequest[],
  options: RunTasksOptions = {},
): Promise<readonly TaskOutcome[]> {
  return new Promise((resolve, reject) => new TaskRun(framework, requests, options, resolve, reject).begin());
}

class TaskRun {
  private readonly framework: Framework;
  private readonly requests: readonly TaskRequest[];
  private readonly options: RunTasksOptions;
  private readonly resolve: (outcomes: readonly TaskOutcome[]) => void;
  private readonly reject: (error: Error) => void;
  private readonly waiting: { readonly request: TaskRequest; readonly attempts: number }[];
  private readonly running = new Map<string, Running>();
  private readonly outcomes = new Map<string, TaskOutcome>();
  private reconcileTimer: NodeJS.Timeout | undefined;
  private over = false;
  /** Launches that the master refused since one was taken. */
  private refusals = 0;

  constructor(
    framework: Framework,
    requests: readonly TaskRequest[],
    options: RunTasksOptions,
    resolve: (outcomes: readonly TaskOutcome[]) => void,
    reject: (error: Error) => void,
  ) {
    this.framework = framework;
    this.requests = requests;
    this.options = options;
    this.resolve = resolve;
    this.reject = reject;
    this.waiting = requests.map((request) => ({ request, attempts: 0 }));
  }

  begin(): void {
    this.framework
      .on("offers", this.onOffers)
      .on("update", this.onUpdate)
      .on("subscribed", this.onSubscribed)
      .on("error", this.onError)
      .on("stopped", this.onStopped);
    if (new Set(this.requests.map(({ id }) => id)).size < this.requests.length) {
      this.fail(new Error("two of the tasks have the same id"));
      return;
    }
    this.finishIfDone();
    if (!this.over) this.tell(this.framework.revive());
  }

  private readonly onError = (error: Error): void => {
    if (error instanceof FrameworkError && (error.code === "fatal" || error.code === "refused"))
      this.fail(error);
  };

  private readonly onStopped = (): void =>
    this.fail(new FrameworkError("stopped", "the framework was stopped"));

  private fail(error: Error): void {
    this.waiting.length = 0;
    if (!this.over) this.end(() => this.reject(error));
  }

  /**
   * A new leader, or a broken stream: what was launched may not have arrived, what ended may not have been told, and a
   * REVIVE may be lost. The cluster keeps what was declined through a change of leader, so it is said again.
   */
  private readonly onSubscribed = (): void => {
    if (this.waiting.length > 0) this.tell(this.framework.revive());
    for (const task of this.running.values()) task.unknown = true;
    this.reconcile();
  };

  private reconcile(): void {
    clearTimeout(this.reconcileTimer);
    const ids = [...this.running].filter(([, task]) => task.unknown).map(([id]) => id);
    if (ids.length === 0 || this.over) return;
    this.tell(this.framework.reconcile(ids));
    this.reconcileTimer = setTimeout(() => this.reconcile(), RECONCILE_INTERVAL_MS);
  }

  private readonly onOffers = (offers: readonly Offer[]): void => {
    const plans = this.spread(offers);
    const used = new Set(plans.map(({ offer }) => offer));
    const unused = offers.filter((offer) => !used.has(offer));
    const calls = plans.map((plan) => this.launch(plan));
    if (unused.length > 0) calls.push(this.framework.decline(unused, this.refuseSeconds()));
    for (const call of calls) this.tell(call);
    if (this.waiting.length === 0) this.tell(this.framework.suppress());
  };

  private refuseSeconds(): number {
    return this.waiting.length === 0 ? DECLINE_SECONDS : (this.options.refuseSeconds ?? 0.1);
  }

  /** Deals the waiting tasks out to the offers in turn, while they fit. */
  private spread(offers: readonly Offer[]): Plan[] {
    const plans = offers.map((offer) => ({ offer, left: capacity(offer), tasks: [] as Plan["tasks"] }));
    let open = plans;
    while (this.waiting.length > 0 && open.length > 0) {
      open = open.filter((plan) => {
        const position = this.waiting.findIndex(({ request }) => fits(request, plan.left));
        const [next] = position < 0 ? [] : this.waiting.splice(position, 1);
        if (next === undefined) return false;
        plan.left.cpus -= millis(next.request.cpus);
        plan.left.mem -= millis(next.request.mem);
        plan.tasks.push(next);
        return true;
      });
    }
    return plans.filter((plan) => plan.tasks.length > 0);
  }

  private async launch(plan: Plan): Promise<void> {
    const infos: TaskInfo[] = [];
    for (const { request, attempts } of plan.tasks) {
      const taskId = attempts === 0 ? request.id : `${request.id}.${attempts + 1}`;
      this.running.set(taskId, { request, attempts: attempts + 1, offer: plan.offer, unknown: false });
      this.options.onLaunch?.(taskId, plan.offer);
      infos.push(taskInfo(taskId, request, plan.offer));
    }
    const operation: OfferOperation = { type: "LAUNCH", launch: { task_infos: infos } };
    try {
      await this.framework.accept([plan.offer], [operation], this.options.refuseSeconds ?? 0.1);
      this.refusals = 0;
    } catch (error) {
      this.onLaunchFailed(infos, error);
    }
  }

  private onLaunchFailed(infos: readonly TaskInfo[], error: unknown): void {
    if (
      error instanceof FrameworkError &&
      error.code === "refused" &&
      ++this.refusals >= LAUNCH_REFUSALS_MAX
    ) {
      this.fail(error);
      return;
    }
    const certain = error instanceof FrameworkError && error.code !== "connection-lost";
    for (const info of infos) {
      const task = this.running.get(info.task_id.value);
      if (task === undefined) continue;
      if (!certain) {
        task.unknown = true;
        continue;
      }
      this.running.delete(info.task_id.value);
      this.waiting.unshift({ request: task.request, attempts: task.attempts - 1 });
    }
    this.reconcile();
    if (certain) this.tell(this.framework.revive());
  }

  private readonly onUpdate = (status: TaskStatus): void => {
    const taskId = status.task_id.value;
    const task = this.running.get(taskId);
    if (task === undefined) return;
    task.unknown = false;
    this.options.onUpdate?.(taskId, status);
    if (!isOver(status)) return;
    this.running.delete(taskId);
    if (status.state !== "TASK_FINISHED" && task.attempts < (this.options.attemptsMax ?? 3)) {
      this.waiting.push({ request: task.request, attempts: task.attempts });
      this.tell(this.framework.revive());
      return;
    }
    this.outcomes.set(task.request.id, {
      request: task.request,
      taskId,
      status,
      sandbox: sandboxOf(task.offer, taskId),
      attempts: task.attempts,
    });
    this.finishIfDone();
  };

  private finishIfDone(): void {
    if (this.outcomes.size < this.requests.length) return;
    const outcomes = this.requests.flatMap((request) => this.outcomes.get(request.id) ?? []);
    this.end(() => this.resolve(outcomes));
  }

  private end(tell: () => void): void {
    this.over = true;
    clearTimeout(this.reconcileTimer);
    this.framework
      .off("offers", this.onOffers)
      .off("update", this.onUpdate)
      .off("subscribed", this.onSubscribed)
      .off("error", this.onError)
      .off("stopped", this.onStopped);
    tell();
  }

  /** A call that is lost is made good by the next subscription; one that is refused is an error of ours. */
  private tell(call: Promise<void>): void {
    call.catch((error: unknown) => {
      if (error instanceof FrameworkError && error.code !== "refused") return;
      this.fail(error instanceof Error ? error : new Error(String(error)));
    });
  }
}

interface Plan {
  readonly offer: Offer;
  readonly left: Capacity;
  readonly tasks: { readonly request: TaskRequest; readonly attempts: number }[];
}

/** Thousandths, so that what fits is what Mesos says fits. */
interface Capacity {
  cpus: number;
  mem: number;
}

function capacity(offer: Offer): Capacity {
  return { cpus: scalar(offer.resources, "cpus"), mem: scalar(offer.resources, "mem") };
}

function scalar(resources: readonly Resource[] | undefined, name: string): number {
  let sum = 0;
  for (const resource of resources ?? [])
    if (resource.name === name) sum += millis(resource.scalar?.value ?? 0);
  return sum;
}

function fits(request: TaskRequest, left: Capacity): boolean {
  return millis(request.cpus) <= left.cpus && millis(request.mem) <= left.mem;
}

function millis(value: number): number {
  return Math.round(value * 1000);
}

/** A TaskInfo for the offer's agent and role. */
export function taskInfo(taskId: string, request: TaskRequest, offer: Offer): TaskInfo {
  const role = offer.allocation_info?.role;
  const allocation = role === undefined ? {} : { allocation_info: { role } };
  const of = (name: string, value: number): Resource => ({
    name,
    type: "SCALAR",
    scalar: { value },
    ...allocation,
  });
  return {
    name: request.name ?? request.id,
    task_id: { value: taskId },
    agent_id: offer.agent_id,
    resources: [of("cpus", request.cpus), of("mem", request.mem)],
    command: commandInfo(request),
    ...(request.image === undefined ? {} : { container: containerOf(request.image) }),
  };
}

function containerOf(image: string): NonNullable<TaskInfo["container"]> {
  return { type: "MESOS", mesos: { image: { type: "DOCKER", docker: { name: image } } } };
}

function commandInfo(request: TaskRequest): CommandInfo {
  const { command } = request;
  const variables = Object.entries(request.environment ?? {}).map(([name, value]) => ({ name, value }));
  const common = {
    ...(request.user === undefined ? {} : { user: request.user }),
    ...(variables.length === 0 ? {} : { environment: { variables } }),
  };
  if (typeof command === "string") return { shell: true, value: command, ...common };
  return { shell: false, value: command[0] ?? "", arguments: command, ...common };
}

/** Undefined if the agent has told no address. A command task's executor has the task's id (trap 27). */
export function sandboxOf(offer: Offer, taskId: string): SandboxAddress | undefined {
  const address = offer.url?.address;
  if (address?.port === undefined) return undefined;
  return {
    agent: `${address.ip ?? address.hostname ?? offer.hostname}:${address.port}`,
    path: `/frameworks/${offer.framework_id.value}/executors/${taskId}/runs/latest`,
  };
}
