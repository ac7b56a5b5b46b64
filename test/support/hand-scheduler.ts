// A framework whose tasks the test launches one by one: it keeps the offers it gets and every status, and waits for
// what the test asks for.
import {
  Framework,
  type FrameworkOptions,
  type Offer,
  type TaskInfo,
  type TaskRequest,
  type TaskStatus,
  taskInfo,
} from "../../src/frameworks/sdk/index.ts";
import { eventually, type TestCluster } from "./cluster.ts";
import { collectStatuses } from "./task-ledger.ts";

export interface LaunchOptions {
  /** Further fields of the TaskInfo. */
  readonly info?: Partial<TaskInfo>;
  /** Id of the agent to run on; any by default. */
  readonly agentId?: string;
}

export class HandScheduler {
  readonly framework: Framework;
  readonly statuses: ReadonlyMap<string, readonly TaskStatus[]>;
  readonly errors: Error[] = [];
  private readonly offers = new Map<string, Offer>();

  constructor(
    cluster: Pick<TestCluster, "apis">,
    options: Partial<FrameworkOptions> & { readonly name: string },
  ) {
    this.framework = new Framework({ masters: cluster.apis, failoverTimeoutSeconds: 60, ...options });
    this.statuses = collectStatuses(this.framework);
    this.framework
      .on("offers", (offers) => {
        for (const offer of offers) this.offers.set(offer.id.value, offer);
      })
      .on("rescind", (id) => void this.offers.delete(id))
      .on("disconnected", () => this.offers.clear())
      .on("error", (error) => void this.errors.push(error));
  }

  start(): Promise<void> {
    return this.framework.start();
  }

  /** Kills its tasks and is forgotten. */
  stop(): Promise<void> {
    return this.framework.stop({ teardown: true });
  }

  /** Waits for an offer that the task fits and uses it; the rest of the offer comes back at once. */
  async launch(request: TaskRequest, { info, agentId }: LaunchOptions = {}): Promise<Offer> {
    const offer = await eventually(`an offer for ${request.id}`, () => this.takeOffer(request, agentId));
    const task = { ...taskInfo(request.id, request, offer), ...info };
    await this.framework.accept([offer], [{ type: "LAUNCH", launch: { task_infos: [task] } }], 0);
    return offer;
  }

  /** An offer that is as asked for, which is then the caller's to use. */
  take(isFit: (offer: Offer) => boolean): Offer | undefined {
    const found = [...this.offers.values()].find(isFit);
    if (found !== undefined) this.offers.delete(found.id.value);
    return found;
  }

  /** Waits for a status of the task in this state. */
  until(taskId: string, state: TaskStatus["state"]): Promise<TaskStatus> {
    return eventually(
      `${state} of ${taskId}`,
      () => this.statuses.get(taskId)?.find((status) => status.state === state),
      undefined,
      () => `so far: ${this.states(taskId).join(", ")}`,
    );
  }

  /** The states told of a task so far, repeated ones included. */
  states(taskId: string): readonly string[] {
    return (this.statuses.get(taskId) ?? []).map(({ state }) => state);
  }

  private takeOffer(request: TaskRequest, agentId: string | undefined): Offer | undefined {
    for (const offer of this.offers.values()) {
      if (agentId !== undefined && offer.agent_id.value !== agentId) continue;
      if (amount(offer, "cpus") < request.cpus || amount(offer, "mem") < request.mem) continue;
      this.offers.delete(offer.id.value);
      return offer;
    }
    return undefined;
  }
}

/** CPUs or megabytes of an offer. */
export function amount(offer: Offer, name: string): number {
  const parts = (offer.resources ?? []).filter((resource) => resource.name === name);
  return parts.reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0);
}
