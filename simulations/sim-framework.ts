// A framework in a simulated world: a careful client of the scheduler API with a store that survives its crashes, and on
// purpose now and then a careless one: calls that are late, repeated, or make no sense.
import { pack, unpack } from "msgpackr";
import type {
  FrameworkInfo,
  Offer,
  OfferOperation,
  OperationStatus,
  SchedulerCall,
  SchedulerEvent,
  TaskStatus,
} from "../src/contract/types.ts";
import type { Clock, Connection, Network, Random, Timer } from "../src/kernel/ports.ts";
import { below, between, chance, pick } from "../src/kernel/random.ts";
import { isTerminal } from "../src/state/statuses.ts";
import { decodeEvent, encodeCall, graceOf, scalarOf, taskInfo } from "./framework-messages.ts";
import { type OwnReservations, operationTold, ownOperations } from "./framework-operations.ts";
import { nonsense } from "./nonsense.ts";
import type { Habit, Workload } from "./options.ts";
import type { AnswerFrame, CallFrame, Encoding } from "./scheduler-server.ts";
import type { Range } from "./sim-disk.ts";

export interface FrameworkTask {
  readonly id: string;
  readonly agentId: string;
  isOver: boolean;
  /** Its ACCEPT was sent twice: that offers are invalid says nothing of it. */
  isRepeated: boolean;
  killWanted: boolean;
}

/** What a framework keeps in its own database. */
export interface FrameworkStore {
  readonly name: string;
  id: string | null;
  /** How many lives as a framework it has had: after a teardown or a removal it begins anew. */
  generation: number;
  launched: number;
  tasks: Map<string, FrameworkTask>;
  readonly reservations: OwnReservations;
}

export interface FrameworkObserver {
  /** Before the call leaves. */
  asksKill(frameworkId: string, taskId: string): void;
  tearsDown(frameworkId: string): void;
  repeats(frameworkId: string, taskIds: readonly string[]): void;
  /** Before the call leaves. */
  launches(frameworkId: string, taskIds: readonly string[]): void;
  /** The cluster answered 202 to a launch. */
  launchAccepted(frameworkId: string, taskIds: readonly string[]): void;
  answered(call: string, status: number, body: string): void;
  status(frameworkId: string, status: TaskStatus, knowsPartitions: boolean): void;
}

export interface FrameworkParts {
  readonly store: FrameworkStore;
  readonly clock: Clock;
  readonly network: Network;
  readonly random: Random;
  /** Addresses of the masters' frameworks' side, by member. */
  readonly masters: ReadonlyMap<string, string>;
  readonly workload: Workload;
  readonly habit: Habit;
  readonly observer: FrameworkObserver;
  readonly encoding: Encoding;
  readonly knowsPartitions: boolean;
  readonly role: string;
}

const ANSWER_MS_MAX = 10_000;
const RECONNECT_MS: Range = { low: 50, high: 1_500 };
/** Declined offers are gathered for so long. */
const DECLINE_MS: Range = { low: 0, high: 50 };
/** Between an offer and its answer, where that is not as usual. */
const THINK_MS: { readonly [Kind in Habit]?: Range } = {
  hoards: { low: 20_000, high: 60_000 },
  "is-slow": { low: 1_000, high: 10_000 },
  churns: { low: 0, high: 5 },
};
const RECONCILE_EVERY_MS = 30_000;
/** Calls kept to be sent late. */
const OLD_CALLS_MAX = 20;

interface Open {
  readonly connection: Connection;
  stream: string | null;
  readonly answers: Map<
    number,
    { readonly timer: Timer; readonly done: (status: number, text: string) => void }
  >;
}

/** One life of a framework's process. */
export class SimFramework {
  /** Launches no more, wants no more offers. */
  isDraining = false;
  readonly #parts: FrameworkParts;
  #open: Open | null = null;
  #calls = 0;
  #declined: Offer[] = [];
  /** It has launched and wants no offers for a while. */
  #isPausing = false;
  #nextMaster = 0;
  /** Calls of former streams, to be sent late. */
  readonly #old: CallFrame[] = [];

  constructor(parts: FrameworkParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#dial(null);
    this.#every(RECONCILE_EVERY_MS, () => this.#reconcile());
  }

  get isSubscribed(): boolean {
    return this.#open?.stream != null;
  }

  drain(): void {
    this.isDraining = true;
    if (this.isSubscribed) this.#suppress();
  }

  #dial(member: string | null): void {
    const { masters, network } = this.#parts;
    const all = [...masters.values()];
    const address =
      (member === null ? undefined : masters.get(member)) ?? all[this.#nextMaster++ % all.length];
    if (address === undefined) return;
    const open: Open = {
      stream: null,
      answers: new Map(),
      connection: network.dial(address, {
        onOpen: () => this.#ifOpen(open, () => this.#subscribe(open)),
        onFrame: (frame) => this.#ifOpen(open, () => this.#receive(open, unpack(frame) as AnswerFrame)),
        onClose: () => this.#ifOpen(open, () => this.#lost()),
      }),
    };
    this.#open = open;
  }

  #ifOpen(open: Open, action: () => void): void {
    if (this.#open === open) action();
  }

  #lost(member: string | null = null): void {
    const open = this.#open;
    this.#open = null;
    open?.connection.close();
    for (const { timer } of open?.answers.values() ?? []) timer.cancel();
    this.#later(RECONNECT_MS, () => {
      if (this.#open === null) this.#dial(member);
    });
  }

  #subscribe(open: Open): void {
    const { store } = this.#parts;
    const id = store.id === null ? {} : { id: { value: store.id } };
    const framework_info = { ...this.#info(), ...id };
    const call: SchedulerCall = {
      type: "SUBSCRIBE",
      ...(store.id === null ? {} : { framework_id: { value: store.id } }),
      subscribe: { framework_info },
    };
    this.#send(open, call, (status, text) => this.#notSubscribed(status, text));
  }

  #notSubscribed(status: number, text: string): void {
    if (status === 307) this.#lost(text === "" ? null : text);
    else {
      if (status === 400) this.#startAnew();
      this.#lost();
    }
  }

  #info(): FrameworkInfo {
    const { store, workload, knowsPartitions, role } = this.#parts;
    const types = ["MULTI_ROLE" as const, ...(knowsPartitions ? ["PARTITION_AWARE" as const] : [])];
    return {
      user: "root",
      name: `${store.name}-${store.generation}`,
      roles: [role],
      failover_timeout: workload.failoverTimeoutS,
      checkpoint: true,
      capabilities: types.map((type) => ({ type })),
    };
  }

  /** The cluster knows it no more: what it had is gone. */
  #startAnew(): void {
    const { store } = this.#parts;
    store.id = null;
    store.generation += 1;
    store.tasks = new Map();
  }

  #receive(open: Open, frame: AnswerFrame): void {
    if (frame[0] === "answer") {
      const [, number, status, text] = frame;
      const answer = open.answers.get(number);
      open.answers.delete(number);
      answer?.timer.cancel();
      answer?.done(status, text);
      return;
    }
    const [, stream, body] = frame;
    this.#take(open, stream, decodeEvent(this.#parts.encoding, body));
  }

  #take(open: Open, stream: string, event: SchedulerEvent): void {
    switch (event.type) {
      case "SUBSCRIBED":
        this.#subscribed(open, stream, event.subscribed?.framework_id.value ?? "");
        return;
      case "OFFERS":
        for (const offer of event.offers?.offers ?? []) this.#offered(open, offer);
        return;
      case "UPDATE_OPERATION_STATUS":
        if (event.update_operation_status !== undefined) this.#operated(event.update_operation_status.status);
        return;
      case "UPDATE":
        if (event.update !== undefined) this.#updated(event.update.status);
        return;
      case "ERROR":
        // Another subscription has taken over, or this one is refused because the framework was removed.
        this.#lost();
        return;
      default:
        return;
    }
  }

  #subscribed(open: Open, stream: string, id: string): void {
    const { store } = this.#parts;
    open.stream = stream;
    for (const { timer } of open.answers.values()) timer.cancel();
    open.answers.clear();
    store.id = id;
    if (this.isDraining || this.#isPausing) this.#suppress();
    this.#reconcile();
    for (const task of store.tasks.values()) if (task.killWanted && !task.isOver) this.#kill(task);
    this.#sendOld(open);
  }

  #suppress(): void {
    this.#call({ type: "SUPPRESS", suppress: {} });
  }

  #reconcile(): void {
    const { store, random } = this.#parts;
    const open = [...store.tasks.values()].filter((task) => !task.isOver);
    const tasks = open.map(({ id, agentId }) => ({ task_id: { value: id }, agent_id: { value: agentId } }));
    if (tasks.length > 0) this.#call({ type: "RECONCILE", reconcile: { tasks } });
    if (chance(random, 1 / 4)) this.#call({ type: "RECONCILE", reconcile: {} });
  }

  #offered(open: Open, offer: Offer): void {
    const { workload, habit } = this.#parts;
    const thinkMs = THINK_MS[habit] ?? workload.thinkMs;
    this.#later(thinkMs, () => this.#ifOpen(open, () => this.#answerOffer(offer)));
  }

  #answerOffer(offer: Offer): void {
    const { workload, store, random, habit } = this.#parts;
    const left = workload.tasksPerFramework - store.launched;
    if (habit === "churns") {
      this.#call({ type: "DECLINE", decline: { offer_ids: [offer.id], filters: { refuse_seconds: 0 } } });
      return;
    }
    if (chance(random, workload.badCalls)) this.#callNonsense(offer);
    const isWanted = !this.isDraining && !this.#isPausing && left > 0;
    if (!isWanted || chance(random, workload.declined)) this.#decline(offer);
    else this.#accept(offer, habit === "nibbles" ? 1 : Math.min(left, workload.tasksPerAccept));
  }

  /** What is declined within a moment goes into one call. */
  #decline(offer: Offer): void {
    this.#declined.push(offer);
    if (this.#declined.length > 1) return;
    this.#later(DECLINE_MS, () => {
      const offer_ids = this.#declined.splice(0).map(({ id }) => id);
      const refuse_seconds = pick(this.#parts.random, [0, 1, 5, 20]);
      this.#call({ type: "DECLINE", decline: { offer_ids, filters: { refuse_seconds } } });
    });
  }

  #accept(offer: Offer, most: number): void {
    const { store, random, observer, workload } = this.#parts;
    const infos = this.#tasksFor(offer, most);
    const operations = this.#operationsOn(offer);
    if (infos.length === 0 && operations.length === 0) {
      this.#decline(offer);
      return;
    }
    const ids = infos.map(({ task_id }) => task_id.value);
    const frameworkId = store.id ?? "";
    const call: SchedulerCall = {
      type: "ACCEPT",
      accept: {
        offer_ids: [offer.id],
        operations: [...operations, { type: "LAUNCH", launch: { task_infos: infos } }],
        filters: { refuse_seconds: pick(random, [0, 1, 5]) },
      },
    };
    observer.launches(frameworkId, ids);
    if (chance(random, workload.repeatedCalls)) {
      observer.repeats(frameworkId, ids);
      for (const id of ids) this.#repeated(id);
      this.#call(call, (status) => this.#launched(frameworkId, ids, status));
    }
    this.#call(call, (status) => this.#launched(frameworkId, ids, status));
    for (const id of ids) this.#killSometimes(id);
    if (workload.paceMs.high > 0) this.#pause();
  }

  #operationsOn(offer: Offer): readonly OfferOperation[] {
    const { store, random, role, workload } = this.#parts;
    const facts = { name: `${store.name}-${store.generation}`, role, rate: workload.operations };
    return ownOperations(random, store.reservations, offer, facts);
  }

  #operated(status: OperationStatus): void {
    const { store, workload } = this.#parts;
    const acknowledge = operationTold(store.reservations, status);
    if (acknowledge !== null) this.#later(workload.acknowledgeMs, () => this.#call(acknowledge));
  }

  #pause(): void {
    this.#isPausing = true;
    this.#suppress();
    this.#later(this.#parts.workload.paceMs, () => {
      this.#isPausing = false;
      if (!this.isDraining) this.#call({ type: "REVIVE", revive: {} });
    });
  }

  #repeated(id: string): void {
    const task = this.#parts.store.tasks.get(id);
    if (task !== undefined) task.isRepeated = true;
  }

  #launched(frameworkId: string, ids: readonly string[], status: number): void {
    if (status === 202) this.#parts.observer.launchAccepted(frameworkId, ids);
  }

  /** The intent is in the store before the call leaves. */
  #tasksFor(offer: Offer, most: number) {
    const { store, random, workload } = this.#parts;
    const agentId = offer.agent_id.value;
    let cpus = scalarOf(offer, "cpus");
    let mem = scalarOf(offer, "mem");
    const infos = [];
    while (infos.length < most) {
      const needs = { cpus: pick(random, [0.1, 0.5, 1, 2]), mem: pick(random, [32, 128, 512]) };
      if (needs.cpus > cpus || needs.mem > mem) break;
      cpus -= needs.cpus;
      mem -= needs.mem;
      const id = `${store.name}-${store.generation}-t${store.launched++}`;
      store.tasks.set(id, { id, agentId, isOver: false, isRepeated: false, killWanted: false });
      infos.push(taskInfo(random, workload, { id, agentId, ...needs }));
    }
    return infos;
  }

  #killSometimes(id: string): void {
    const { random, workload, store } = this.#parts;
    if (!chance(random, workload.killed)) return;
    this.#later(workload.runMs, () => {
      const task = store.tasks.get(id);
      if (task === undefined || task.isOver) return;
      task.killWanted = true;
      this.#kill(task);
    });
  }

  #kill(task: FrameworkTask): void {
    const { observer, store, random } = this.#parts;
    if (store.id === null) return;
    observer.asksKill(store.id, task.id);
    const grace = chance(random, 1 / 2) ? {} : graceOf(below(random, 5_000));
    this.#call({
      type: "KILL",
      kill: { task_id: { value: task.id }, agent_id: { value: task.agentId }, ...grace },
    });
  }

  #updated(status: TaskStatus): void {
    const { store, workload, observer, knowsPartitions, random } = this.#parts;
    observer.status(store.id ?? "", status, knowsPartitions);
    const task = store.tasks.get(status.task_id.value);
    if (task !== undefined && endsTask(status, task.isRepeated)) task.isOver = true;
    const { uuid, agent_id } = status;
    if (uuid === undefined || agent_id === undefined) return;
    const acknowledge = { agent_id, task_id: status.task_id, uuid };
    this.#later(workload.acknowledgeMs, () => this.#call({ type: "ACKNOWLEDGE", acknowledge }));
    if (chance(random, workload.repeatedCalls)) this.#call({ type: "ACKNOWLEDGE", acknowledge });
    if (chance(random, workload.teardowns)) this.#tearDown();
  }

  #tearDown(): void {
    const { store, observer } = this.#parts;
    if (store.id === null || this.isDraining) return;
    observer.tearsDown(store.id);
    this.#call({ type: "TEARDOWN" }, (status) => {
      if (status === 202) this.#startAnew();
    });
  }

  #callNonsense(offer: Offer): void {
    const { random } = this.#parts;
    const call = nonsense(random, offer);
    if (call instanceof Uint8Array) this.#sendBytes(call);
    else this.#call(call);
  }

  #sendBytes(body: Uint8Array): void {
    const open = this.#open;
    if (open !== null) open.connection.send(pack([++this.#calls, open.stream, this.#parts.encoding, body]));
  }

  #call(call: SchedulerCall, done: (status: number, text: string) => void = () => undefined): void {
    const { store, observer } = this.#parts;
    const open = this.#open;
    if (open?.stream == null || store.id === null) return;
    this.#send(open, { ...call, framework_id: { value: store.id } }, (status, text) => {
      observer.answered(call.type ?? "?", status, text);
      done(status, text);
      if (status === 307 || status === 403) this.#lost(status === 307 && text !== "" ? text : null);
    });
  }

  #send(open: Open, call: SchedulerCall, done: (status: number, text: string) => void): void {
    const { encoding, clock, random, workload } = this.#parts;
    const number = ++this.#calls;
    const timer = clock.after(ANSWER_MS_MAX, () => this.#ifOpen(open, () => this.#lost()));
    open.answers.set(number, { timer, done });
    const frame: CallFrame = [number, open.stream, encoding, encodeCall(encoding, call)];
    open.connection.send(pack(frame));
    if (chance(random, workload.lateCalls) && this.#old.length < OLD_CALLS_MAX) this.#old.push(frame);
  }

  /** What was said on a former stream must not count any more. */
  #sendOld(open: Open): void {
    for (const frame of this.#old.splice(0)) if (frame[1] !== null) open.connection.send(pack(frame));
  }

  #later(range: Range, action: () => void): void {
    const { clock, random } = this.#parts;
    clock.after(between(random, range.low, range.high), action);
  }

  #every(ms: number, action: () => void): void {
    this.#parts.clock.after(ms, () => {
      action();
      this.#every(ms, action);
    });
  }
}

/** Whether the framework may forget the task. Answers of reconciliation count: what nobody knows is over. */
function endsTask({ state, uuid, reason, unreachable_time }: TaskStatus, isRepeated: boolean): boolean {
  if (unreachable_time !== undefined) return false;
  if (reason === "REASON_RECONCILIATION")
    return state === "TASK_UNKNOWN" || state === "TASK_GONE" || isTerminal(state);
  const isOfMaster = uuid === undefined;
  if (isOfMaster && reason === "REASON_INVALID_OFFERS") return !isRepeated;
  if (isOfMaster && reason === "REASON_AGENT_REREGISTERED")
    return state === "TASK_GONE" || state === "TASK_LOST";
  return isTerminal(state);
}
