// A framework's scheduler: events in, calls out, typed. It subscribes, follows the leader, acknowledges updates once
// they have been handled and asks again for what it may have missed. Which task goes on which offer is its user's
// business, or that of `runTasks`.
import type {
  FrameworkInfo,
  KillPolicy,
  Offer,
  OfferOperation,
  SchedulerCall,
  SchedulerEvent,
  SchedulerEventFailure,
  SchedulerEventMessage,
  SchedulerEventSubscribed,
  TaskStatus,
} from "../../contract/types.ts";
import { FrameworkError } from "./errors.ts";
import { DECLINE_SECONDS } from "./limits.ts";
import { Subscription, type SubscriptionTerms } from "./subscription.ts";
import { type OfferWishes, offerConstraintsOf, offerFiltersOf } from "./wishes.ts";

export interface FrameworkOptions extends OfferWishes {
  /** `host:port` of any or all masters; the leader is found from there. */
  readonly masters: readonly string[];
  readonly name: string;
  /** User that tasks run as unless they say otherwise. Default: root. */
  readonly user?: string;
  /** Id of an earlier run, to take its tasks over. */
  readonly frameworkId?: string;
  /** How long the cluster keeps the tasks of a scheduler that is gone. Seconds; default one week. */
  readonly failoverTimeoutSeconds?: number;
  /** Further fields of FrameworkInfo. */
  readonly info?: Partial<FrameworkInfo>;
}

export interface FrameworkEvents {
  subscribed: SchedulerEventSubscribed;
  /** The stream broke; the SDK is subscribing again. Offers are void. */
  disconnected: { readonly reason: string };
  offers: readonly Offer[];
  /** Id of an offer that is no longer valid. */
  rescind: string;
  /** Acknowledged after the handlers, and the promises they return, are done. */
  update: TaskStatus;
  message: SchedulerEventMessage;
  failure: SchedulerEventFailure;
  /** Fatal errors end the framework; errors of handlers are told here too. */
  error: Error;
  /** stop() was called: nothing more comes. */
  stopped: undefined;
}

type Handler<Payload> = (payload: Payload) => void | Promise<void>;
const ONE_WEEK_SECONDS = 604_800;

/** Handlers of one event run one after the other; those of different events may overlap where they wait for promises. */
export class Framework {
  private readonly handlers = new Map<keyof FrameworkEvents, Handler<never>[]>();
  private readonly subscription: Subscription;
  /** What it says of itself, as it stands now. */
  private options: FrameworkOptions;
  private frameworkId: string | undefined;
  private started = false;

  constructor(options: FrameworkOptions) {
    this.options = options;
    this.frameworkId = options.frameworkId;
    this.subscription = new Subscription({
      masters: options.masters,
      frameworkId: frameworkInfo(options).id?.value,
      terms: () => termsOf(this.options),
      onEvent: (event) => void this.dispatch(event),
      onBroken: (reason) => void this.emit("disconnected", { reason }),
      onFatal: (error) => void this.emit("error", error),
    });
  }

  /** Given by the cluster at the first subscription; keep it to take the tasks over after a crash. */
  id(): string | undefined {
    return this.frameworkId;
  }

  /** `host:port` of the leading master, while subscribed. */
  leader(): string | undefined {
    return this.subscription.master();
  }

  on<Name extends keyof FrameworkEvents>(name: Name, handler: Handler<FrameworkEvents[Name]>): this {
    const list = this.handlers.get(name) ?? [];
    list.push(handler as Handler<never>);
    this.handlers.set(name, list);
    return this;
  }

  /** Takes back what `on` did with the same handler. */
  off<Name extends keyof FrameworkEvents>(name: Name, handler: Handler<FrameworkEvents[Name]>): this {
    const list = this.handlers.get(name) ?? [];
    this.handlers.set(
      name,
      list.filter((each) => each !== handler),
    );
    return this;
  }

  /**
   * Resolves when subscribed for the first time; tries until then, for as long as it takes. Once per framework.
   * @throws FrameworkError if the master refuses, or stop() is called before
   */
  async start(): Promise<void> {
    if (this.started) throw new Error("a framework starts once");
    this.started = true;
    const first = new Promise<void>((resolve, reject) => {
      this.on("subscribed", () => resolve());
      this.on("error", (error) => {
        if (error instanceof FrameworkError) reject(error);
      });
      this.on("stopped", () =>
        reject(new FrameworkError("stopped", "the framework was stopped before it was subscribed")),
      );
    });
    this.subscription.start();
    await first;
  }

  /** Leaves. With `teardown` the cluster kills the framework's tasks and forgets it. @throws FrameworkError of that call */
  async stop(options: { readonly teardown?: boolean } = {}): Promise<void> {
    try {
      if (options.teardown === true) await this.call({ type: "TEARDOWN" });
    } finally {
      this.subscription.stop();
      await this.emit("stopped", undefined);
    }
  }

  /** Any call of the v1 scheduler API; the framework id is filled in. @throws FrameworkError */
  call(call: Omit<SchedulerCall, "framework_id">): Promise<void> {
    return this.subscription.call(call);
  }

  /** Uses offers, all of one agent. What is left is refused for `refuseSeconds` (Mesos' default: 5). */
  accept(
    offers: readonly Offer[],
    operations: readonly OfferOperation[],
    refuseSeconds?: number,
  ): Promise<void> {
    const accept = { offer_ids: offers.map(({ id }) => id), operations, ...filters(refuseSeconds) };
    return this.call({ type: "ACCEPT", accept });
  }

  decline(offers: readonly Offer[], refuseSeconds?: number): Promise<void> {
    return this.call({
      type: "DECLINE",
      decline: { offer_ids: offers.map(({ id }) => id), ...filters(refuseSeconds) },
    });
  }

  kill(taskId: string, killPolicy?: KillPolicy): Promise<void> {
    const policy = killPolicy === undefined ? {} : { kill_policy: killPolicy };
    return this.call({ type: "KILL", kill: { task_id: { value: taskId }, ...policy } });
  }

  /** Asks for offers again, in these of its roles or in all, and forgets what was refused there. */
  async revive(roles: readonly string[] = []): Promise<void> {
    await this.call({ type: "REVIVE", ...(roles.length === 0 ? {} : { revive: { roles } }) });
    const revived = roles.length === 0 ? rolesOf(this.options) : roles;
    const suppressedRoles = suppressedOf(this.options).filter((role) => !revived.includes(role));
    this.options = { ...this.options, suppressedRoles };
  }

  /** Wants no offers, in these of its roles or in all, until `revive`: also after a change of leader. */
  async suppress(roles: readonly string[] = []): Promise<void> {
    await this.call({ type: "SUPPRESS", ...(roles.length === 0 ? {} : { suppress: { roles } }) });
    const suppressed = roles.length === 0 ? rolesOf(this.options) : roles;
    const suppressedRoles = [...new Set([...suppressedOf(this.options), ...suppressed])];
    this.options = { ...this.options, suppressedRoles };
  }

  /**
   * Asks other things of its offers from now on, also after a change of leader; what is left out stays as it is
   * (UPDATE_FRAMEWORK). Offers in roles that it leaves are rescinded.
   * @throws FrameworkError if the master refuses: then nothing has changed
   */
  async updateWishes(wishes: OfferWishes): Promise<void> {
    const options = { ...this.options, ...wishes };
    const { info, suppressedRoles, offerConstraints } = termsOf(options);
    const id = this.frameworkId === undefined ? {} : { id: { value: this.frameworkId } };
    await this.call({
      type: "UPDATE_FRAMEWORK",
      update_framework: {
        framework_info: { ...info, ...id },
        suppressed_roles: suppressedRoles,
        ...offerConstraints,
      },
    });
    this.options = options;
  }

  /** Asks for the state of these tasks, or of all that the cluster knows; answers come as updates. */
  reconcile(taskIds: readonly string[] = []): Promise<void> {
    const tasks = taskIds.map((value) => ({ task_id: { value } }));
    return this.call({ type: "RECONCILE", reconcile: { tasks } });
  }

  private async dispatch(event: SchedulerEvent): Promise<void> {
    if (event.subscribed !== undefined) {
      this.frameworkId = event.subscribed.framework_id.value;
      await this.emit("subscribed", event.subscribed);
    } else if (event.offers !== undefined) await this.onOffers(event.offers.offers ?? []);
    else if (event.rescind !== undefined) await this.emit("rescind", event.rescind.offer_id.value);
    else if (event.update !== undefined) await this.onUpdate(event.update.status);
    else if (event.message !== undefined) await this.emit("message", event.message);
    else if (event.failure !== undefined) await this.emit("failure", event.failure);
  }

  /** What nobody here waits for is not kept from others. */
  private async onOffers(offers: readonly Offer[]): Promise<void> {
    if ((this.handlers.get("offers") ?? []).length > 0) await this.emit("offers", offers);
    else await this.unlessLost(this.decline(offers, DECLINE_SECONDS));
  }

  private async onUpdate(status: TaskStatus): Promise<void> {
    const handled = await this.emit("update", status);
    if (handled && status.uuid !== undefined && status.agent_id !== undefined) await this.acknowledge(status);
  }

  /** An acknowledgement that is lost costs nothing: the agent sends the update again. */
  private async acknowledge(status: TaskStatus): Promise<void> {
    const { agent_id, task_id, uuid } = status;
    if (agent_id === undefined || uuid === undefined) return;
    await this.unlessLost(this.call({ type: "ACKNOWLEDGE", acknowledge: { agent_id, task_id, uuid } }));
  }

  private async unlessLost(call: Promise<void>): Promise<void> {
    try {
      await call;
    } catch (error) {
      if (!(error instanceof FrameworkError)) await this.emit("error", error as Error);
    }
  }

  /** False if a handler failed: its update is not acknowledged and comes again. */
  private async emit<Name extends keyof FrameworkEvents>(
    name: Name,
    payload: FrameworkEvents[Name],
  ): Promise<boolean> {
    try {
      for (const handler of [...(this.handlers.get(name) ?? [])])
        await (handler as Handler<FrameworkEvents[Name]>)(payload);
      return true;
    } catch (error) {
      if (name !== "error")
        await this.emit("error", error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }
}

function termsOf(options: FrameworkOptions): SubscriptionTerms {
  return {
    info: frameworkInfo(options),
    suppressedRoles: suppressedOf(options),
    offerConstraints: offerConstraintsOf(options),
  };
}

function rolesOf({ roles = ["*"] }: OfferWishes): readonly string[] {
  return roles;
}

function suppressedOf({ suppressedRoles = [] }: OfferWishes): readonly string[] {
  return suppressedRoles;
}

function frameworkInfo(options: FrameworkOptions): FrameworkInfo {
  return {
    user: options.user ?? "root",
    name: options.name,
    failover_timeout: options.failoverTimeoutSeconds ?? ONE_WEEK_SECONDS,
    checkpoint: true,
    roles: rolesOf(options),
    capabilities: [
      { type: "MULTI_ROLE" },
      { type: "PARTITION_AWARE" },
      { type: "TASK_KILLING_STATE" },
      ...(options.regionAware === true ? [{ type: "REGION_AWARE" } as const] : []),
    ],
    ...offerFiltersOf(options),
    ...(options.frameworkId === undefined ? {} : { id: { value: options.frameworkId } }),
    ...options.info,
  };
}

function filters(refuseSeconds: number | undefined): { filters?: { refuse_seconds: number } } {
  return refuseSeconds === undefined ? {} : { filters: { refuse_seconds: refuseSeconds } };
}
