// A framework as in the Omega paper's model of Mesos (Schwarzkopf et al. 2013, sections 3.3 and 4.2): it works on one job
// at a time, and while it decides it holds all that it was offered. A job that could not be placed whole is tried again
// with other offers, until it is abandoned.

import { contains, type Resources, sum, without } from "../../src/allocator/index.ts";
import { asId, type FrameworkId, type OfferId, type TaskId } from "../../src/kernel/ids.ts";
import type { TaskSpec } from "../../src/state/commands.ts";
import type { FrameworkEvent } from "../../src/state/effects.ts";
import type { Offer } from "../../src/state/model.ts";
import type { VirtualCluster } from "./cluster.ts";

export interface Job {
  readonly arrivedAt: number;
  readonly task: Resources;
  readonly taskMs: number;
  /** Tasks that are not placed yet. */
  left: number;
  attempts: number;
}

export interface SchedulerTally {
  placed: number;
  abandoned: number;
  /** From a job's arrival until all its tasks were placed. Milliseconds. */
  readonly waitsMs: number[];
  /** Offers that others used before it. */
  lost: number;
}

export class OmegaScheduler {
  readonly tally: SchedulerTally = { placed: 0, abandoned: 0, waitsMs: [], lost: 0 };
  readonly #cluster: VirtualCluster;
  readonly #id: FrameworkId;
  readonly #name: string;
  readonly #attemptsMax: number;
  readonly #decisionMs: (job: Job) => number;
  readonly #jobs: Job[] = [];
  readonly #offers: Map<OfferId, Offer> = new Map();
  #isDeciding = false;
  #isAsking = false;
  #launched = 0;

  constructor(cluster: VirtualCluster, name: string, attemptsMax: number, decisionMs: (job: Job) => number) {
    this.#cluster = cluster;
    this.#name = name;
    this.#attemptsMax = attemptsMax;
    this.#decisionMs = decisionMs;
    this.#id = cluster.subscribe(name, { told: (event) => this.#told(event) });
  }

  submit(job: Job): void {
    this.#jobs.push(job);
    if (!this.#isAsking) {
      this.#isAsking = true;
      this.#cluster.do({ kind: "revive", frameworkId: this.#id, roles: [] });
    }
    this.#begin();
  }

  #told(event: FrameworkEvent): void {
    if (event.kind === "rescind" && this.#offers.delete(event.offerId)) this.tally.lost++;
    if (event.kind !== "offers") return;
    for (const { offer } of event.offers) this.#offers.set(offer.id, offer);
    // Not within the cycle that made them.
    this.#cluster.at(this.#cluster.now, () => this.#begin());
  }

  #begin(): void {
    const [job] = this.#jobs;
    if (this.#isDeciding || job === undefined || this.#offers.size === 0) return;
    this.#isDeciding = true;
    const offerIds = [...this.#offers.keys()];
    this.#cluster.at(this.#cluster.now + this.#decisionMs(job), () => this.#decided(job, offerIds));
  }

  #decided(job: Job, offerIds: readonly OfferId[]): void {
    job.attempts++;
    for (const agentId of new Set(offerIds.map((id) => this.#offers.get(id)?.agentId))) {
      this.#use(
        job,
        offerIds.flatMap((id) => this.#offers.get(id) ?? []).filter((offer) => offer.agentId === agentId),
      );
    }
    this.#decline(offerIds);
    this.#isDeciding = false;
    if (job.left === 0) {
      this.tally.placed++;
      this.tally.waitsMs.push(this.#cluster.now - job.arrivedAt);
    } else if (job.attempts >= this.#attemptsMax) this.tally.abandoned++;
    if (job.left === 0 || job.attempts >= this.#attemptsMax) this.#jobs.shift();
    if (this.#jobs.length === 0) this.#rest();
    else this.#begin();
  }

  /** Offers of one agent, together. */
  #use(job: Job, offers: readonly Offer[]): void {
    const [offer] = offers;
    if (offer === undefined) return;
    const tasks: TaskSpec[] = [];
    let room = sum(offers.map(({ resources }) => resources));
    while (job.left > 0 && contains(room, job.task)) {
      room = without(room, job.task);
      job.left--;
      tasks.push(this.#taskOf(job, offer));
    }
    if (tasks.length === 0) return;
    for (const { id } of offers) this.#offers.delete(id);
    this.#cluster.launch(
      this.#id,
      offers.map(({ id }) => id),
      tasks,
    );
    for (const { taskId } of tasks) {
      const end = () => this.#cluster.finish(this.#id, taskId, offer.agentId);
      this.#cluster.at(this.#cluster.now + job.taskMs, end);
    }
  }

  #taskOf(job: Job, { agentId }: Offer): TaskSpec {
    const taskId = asId<TaskId>(`${this.#name}-${this.#launched++}`);
    return {
      taskId,
      name: taskId,
      agentId,
      resources: job.task,
      executor: null,
      hasCommand: true,
      invalid: null,
      poisonsOperation: false,
      wire: {},
    };
  }

  #decline(offerIds: readonly OfferId[]): void {
    const unused = offerIds.filter((id) => this.#offers.delete(id));
    if (unused.length === 0) return;
    this.#cluster.do({ kind: "decline", frameworkId: this.#id, offerIds: unused, refuseMs: 0 });
  }

  #rest(): void {
    this.#decline([...this.#offers.keys()]);
    this.#isAsking = false;
    this.#cluster.do({ kind: "suppress", frameworkId: this.#id, roles: [] });
  }
}
