// A simulated cluster that lives through a recording: frameworks and agents come and go as they did, frameworks want what
// they started, offers are made by the same decide, evolve and allocate as in production, in the time of the log.
import { contains, nextFilterExpiry, type Resources, without } from "../../allocator/index.ts";
import {
  asId,
  asMillis,
  type FrameworkId,
  type Millis,
  type OfferId,
  type TaskId,
} from "../../kernel/ids.ts";
import type { Context } from "../../state/commands.ts";
import { rescindedForUse } from "../../state/decide/conflicts.ts";
import { decide } from "../../state/decide.ts";
import type { Event } from "../../state/events.ts";
import { evolve } from "../../state/evolve.ts";
import { agentOf } from "../../state/lookups.ts";
import type { ClusterState, Offer } from "../../state/model.ts";
import { type Run, Tally } from "./figures.ts";
import { refuseMsAt, UNKNOWN_HABITS } from "./habits.ts";
import { Agenda } from "./heap.ts";
import { Life } from "./life.ts";
import {
  FRUITLESS_CYCLES_MAX,
  IDLE_INTERVAL_MS,
  STEPS_PER_REPORT,
  TASKS_TRIED_PER_OFFER_MAX,
} from "./limits.ts";
import { keyOf, type RecordedTask, type Recording } from "./recording.ts";

interface TaskEnd {
  readonly frameworkId: FrameworkId;
  readonly taskId: TaskId;
}

/**
 * @param state as of the recording's beginning; it is changed
 * @param policy events that change the policy, applied first
 * @param policyOf what becomes of a recorded event under that policy; null if nothing
 * Yields how many milliseconds of the recording are done.
 */
export function* simulate(
  state: ClusterState,
  recording: Recording,
  policy: readonly Event[],
  policyOf: (event: Event) => Event | null,
): Generator<number, Run> {
  const arm = new Arm(state, recording, policyOf);
  arm.begin(policy);
  for (let steps = 0; arm.next <= recording.until; steps++) {
    if (steps % STEPS_PER_REPORT === 0) yield arm.next - recording.from;
    arm.step();
  }
  return arm.end();
}

class Arm {
  readonly #state: ClusterState;
  readonly #recording: Recording;
  readonly #policyOf: (event: Event) => Event | null;
  readonly #tally: Tally;
  readonly #life: Life;
  readonly #arrivals: Agenda<RecordedTask> = new Agenda();
  readonly #ends: Agenda<TaskEnd> = new Agenda();
  readonly #answers: Agenda<OfferId> = new Agenda();
  /** By framework and role, in the order of the recording. */
  readonly #waiting: Map<string, RecordedTask[]> = new Map();
  #now: Millis;
  #lifeAt = 0;
  #started = 0;
  #cycleAt: number;
  /** Cycles since something last happened but offers that were refused. */
  #fruitless = 0;
  #pausedUntil = 0;

  constructor(state: ClusterState, recording: Recording, policyOf: (event: Event) => Event | null) {
    this.#state = state;
    this.#recording = recording;
    this.#policyOf = policyOf;
    this.#tally = new Tally(recording.from, recording.until);
    this.#now = recording.from;
    this.#cycleAt = recording.from;
    this.#life = new Life(state, (frameworkId, role) => this.#waits(frameworkId, role));
    for (const task of recording.tasks) this.#arrivals.add(task.wantedAt, task);
    for (const { frameworkId, taskId, at } of recording.ends) this.#ends.add(at, { frameworkId, taskId });
  }

  /** Outstanding offers end in both arms: they were made by the policy of before. */
  begin(policy: readonly Event[]): void {
    for (const event of policy) evolve(this.#state, event, this.#now);
    this.#life.rescind(() => true, this.#now);
  }

  get next(): number {
    return Math.min(
      this.#recording.life[this.#lifeAt]?.at ?? Number.POSITIVE_INFINITY,
      this.#arrivals.next,
      this.#ends.next,
      this.#answers.next,
      nextFilterExpiry(this.#state.allocator) ?? Number.POSITIVE_INFINITY,
      this.#nextTimeout,
      this.#cycleAt,
    );
  }

  /** When the oldest offer is too old (AL13). */
  get #nextTimeout(): number {
    const { offerTimeoutMs } = this.#state.policy;
    if (offerTimeoutMs === null) return Number.POSITIVE_INFINITY;
    for (const { madeAt } of this.#state.offers.values()) return madeAt + offerTimeoutMs;
    return Number.POSITIVE_INFINITY;
  }

  /** All that happens at the next moment; then, if anything came free or may be wanted again, a cycle. */
  step(): void {
    const now = asMillis(Math.max(this.#now, this.next));
    this.#tally.advance(this.#state, now);
    this.#now = now;
    this.#liveOn();
    this.#endTasks();
    for (let task = this.#arrivals.takeDue(now); task !== undefined; task = this.#arrivals.takeDue(now))
      this.#arrive(task);
    const expiry = nextFilterExpiry(this.#state.allocator);
    if (expiry !== null && expiry <= now) {
      evolve(this.#state, { kind: "FiltersExpired", until: now }, now);
      this.#cycleAt = Math.min(this.#cycleAt, Math.max(now, this.#pausedUntil));
    }
    this.#answerDue();
    this.#timeOut();
    this.#life.carryOutDeferred(now);
    if (this.#cycleAt <= now) this.#cycle();
    if (this.#life.carryOutDeferred(now)) this.#wakes();
  }

  end(): Run {
    this.#tally.advance(this.#state, this.#recording.until);
    for (const tasks of this.#waiting.values())
      for (const task of tasks) this.#tally.stillWaiting(task, task.wantedAt);
    return this.#tally.finish(this.#state);
  }

  #timeOut(): void {
    const timeoutMs = this.#state.policy.offerTimeoutMs;
    if (timeoutMs === null || this.#nextTimeout > this.#now) return;
    this.#life.rescind(({ madeAt }) => madeAt + timeoutMs <= this.#now, this.#now, "timeout");
    this.#cycleSoon();
  }

  #wakes(): void {
    this.#cycleAt = this.#now;
    this.#fruitless = 0;
  }

  #liveOn(): void {
    const { life } = this.#recording;
    for (
      let next = life[this.#lifeAt];
      next !== undefined && next.at <= this.#now;
      next = life[this.#lifeAt]
    ) {
      this.#lifeAt += 1;
      const event = this.#policyOf(next.event);
      if (event !== null) this.#life.apply(event, this.#now);
      this.#wakes();
    }
  }

  #endTasks(): void {
    for (let end = this.#ends.takeDue(this.#now); end !== undefined; end = this.#ends.takeDue(this.#now)) {
      this.#life.endTask(end.frameworkId, end.taskId, this.#now);
      this.#wakes();
    }
  }

  #arrive(task: RecordedTask): void {
    this.#fruitless = 0;
    this.#pausedUntil = 0;
    this.#cycleSoon();
    const key = keyOf(task.frameworkId, task.role);
    const tasks = this.#waiting.get(key);
    if (tasks === undefined) this.#waiting.set(key, [task]);
    else tasks.push(task);
  }

  #waits(frameworkId: FrameworkId, role: string): boolean {
    return (this.#waiting.get(keyOf(frameworkId, role))?.length ?? 0) > 0;
  }

  #cycle(): void {
    this.#cycleAt = Number.POSITIVE_INFINITY;
    const decision = decide(this.#state, { kind: "allocate" }, this.#context());
    const events = decision.kind === "accepted" ? decision.events : [];
    for (const event of events) {
      evolve(this.#state, event, this.#now);
      if (event.kind === "OffersMade") for (const offer of event.offers) this.#offered(offer);
    }
    this.#fruitless += 1;
    this.#pausedUntil = this.#fruitless > FRUITLESS_CYCLES_MAX ? this.#now + IDLE_INTERVAL_MS : this.#now;
    this.#answerDue();
    if (events.length > 0) this.#cycleSoon();
    this.#cycleAt = Math.min(this.#cycleAt, this.#patienceEnds());
  }

  /** When somebody will have waited, or held an offer, for so long that optimistic offers come of it. */
  #patienceEnds(): number {
    const { allocator, offers, policy } = this.#state;
    const { optimisticAfterMs: afterMs } = policy;
    if (afterMs === null) return Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    const note = (since: Millis): void => {
      if (since + afterMs > this.#now) next = Math.min(next, since + afterMs);
    };
    for (const { waitsSince } of allocator.clients.values()) if (waitsSince !== null) note(waitsSince);
    for (const { madeAt } of offers.values()) note(madeAt);
    return next;
  }

  #cycleSoon(): void {
    const soon = Math.max(this.#now + this.#state.policy.allocationIntervalMs, this.#pausedUntil);
    this.#cycleAt = Math.min(this.#cycleAt, soon);
  }

  #offered(offer: Offer): void {
    this.#tally.offered(offer);
    const { answerMs } = this.#habits(offer.frameworkId);
    if (answerMs !== null) this.#answers.add(asMillis(this.#now + answerMs), offer.id);
  }

  #answerDue(): void {
    for (let id = this.#answers.takeDue(this.#now); id !== undefined; id = this.#answers.takeDue(this.#now)) {
      const offer = this.#state.offers.get(id);
      if (offer === undefined) continue;
      this.#answer(offer);
      this.#cycleSoon();
    }
  }

  #answer(offer: Offer): void {
    const { frameworkId, agentId, role, id } = offer;
    const { taken, left } = this.#take(offer);
    const { accepts, declines } = this.#habits(frameworkId);
    const own = taken.length > 0 ? accepts : declines;
    const refuseMs = refuseMsAt(own.length > 0 ? own : declines, this.#now);
    const refuseUntil = this.#refuseUntil(refuseMs);
    if (taken.length === 0) {
      evolve(this.#state, { kind: "OffersDeclined", frameworkId, offerIds: [id], refuseUntil }, this.#now);
      return;
    }
    this.#endOverlapping(offer, left);
    const accepted = { frameworkId, agentId, role, offerIds: [id], unused: left, refuseUntil };
    evolve(this.#state, { kind: "OffersAccepted", ...accepted }, this.#now);
    for (const task of taken) this.#start(task, offer);
  }

  /** Optimistic offers of what is used now end, as by any ACCEPT. */
  #endOverlapping({ id, agentId, resources }: Offer, left: Resources): void {
    const agent = agentOf(this.#state, agentId);
    for (const event of rescindedForUse(this.#state, agent, [id], resources, left))
      evolve(this.#state, event, this.#now);
  }

  /** No filter is shorter than the interval of cycles (trap 17). */
  #refuseUntil(refuseMs: number): Millis | null {
    if (refuseMs === 0) return null;
    const ms = Math.max(refuseMs, this.#state.policy.allocationIntervalMs);
    return asMillis(Math.min(this.#now + ms, Number.MAX_SAFE_INTEGER));
  }

  /** First fit, in the order of the recording. */
  #take(offer: Offer): { readonly taken: readonly RecordedTask[]; readonly left: Resources } {
    const waiting = this.#waiting.get(keyOf(offer.frameworkId, offer.role)) ?? [];
    const taken = new Set<RecordedTask>();
    let left = offer.resources;
    for (const task of waiting.slice(0, TASKS_TRIED_PER_OFFER_MAX)) {
      if (left.length === 0) break;
      if (!contains(left, task.demand)) continue;
      left = without(left, task.demand);
      taken.add(task);
    }
    if (taken.size > 0) {
      const rest = waiting.filter((task) => !taken.has(task));
      this.#waiting.set(keyOf(offer.frameworkId, offer.role), rest);
    }
    return { taken: [...taken], left };
  }

  #start(task: RecordedTask, { agentId, role, frameworkId }: Offer): void {
    const taskId = asId<TaskId>(`${task.taskId}#${this.#started++}`);
    const { demand: resources, durationMs } = task;
    const launch = { frameworkId, taskId, agentId, role, resources, wire: {}, executor: null };
    evolve(this.#state, { kind: "TaskLaunched", ...launch }, this.#now);
    this.#tally.started(task, task.wantedAt, this.#now);
    this.#fruitless = 0;
    this.#pausedUntil = 0;
    if (durationMs !== null) this.#ends.add(asMillis(this.#now + durationMs), { frameworkId, taskId });
  }

  #habits(frameworkId: FrameworkId) {
    return this.#recording.habits.get(frameworkId) ?? UNKNOWN_HABITS;
  }

  #context(): Context {
    const settings = { frameworkReconnectMs: 0, agentReconnectMs: 0 };
    return { now: this.#now, newClusterId: asId("whatif"), settings };
  }
}
