// The example job of `tepui up`: π on the cluster, with the leading master killed halfway, and what happened when.
import { computePi, type PiResult } from "../frameworks/examples/pi.ts";
import { Framework } from "../frameworks/sdk/index.ts";
import type { LocalCluster, LocalProcess } from "../host/local-cluster.ts";
import { leaderApi, statusOfAny } from "./api-client.ts";
import { createProgressBar } from "./progress-bar.ts";
import { createTimeline, type Timeline } from "./timeline.ts";

const TASKS = 40;
/** About a second of work: the awk of Debian is some ten times as fast as that of busybox, which containers have. */
const POINTS_PER_TASK = { process: 2_000_000, image: 250_000 };
const TASK_CPUS = 0.5;
const TASK_MEM = 32;
const POLL_MS = 10;
/** Nobody elected by then means that something is wrong. Milliseconds. */
const ELECTION_PATIENCE_MS = 20_000;

export interface PiJobOptions {
  readonly cluster: LocalCluster;
  /** Image for the tasks; null for plain processes. */
  readonly image: string | null;
  readonly startedMs: number;
}

/** Runs the job and prints its course and result. @throws Error if a task was lost or failed */
export async function runPiJob(options: PiJobOptions): Promise<void> {
  const { cluster } = options;
  const timeline = createTimeline(() => performance.now());
  const masters = cluster.masters.map(({ api }) => api);
  const leader = await waitForLeader(masters);
  timeline.note("elected", `${leader.id} elected in term ${leader.term}`);
  print(
    `Leader: ${leader.id}, http://${leader.api}\n\nComputing π in ${TASKS} tasks of ${pointsPerTask(options).toLocaleString("en")} points …`,
  );
  const framework = watchedFramework(masters, timeline);
  await framework.start();
  const killing = killer(cluster, timeline);
  const result = await computeWithProgress(framework, options, timeline, killing);
  await killing.done();
  timeline.note("finished", `all ${TASKS} tasks finished`);
  await framework.stop({ teardown: true });
  await report(result, timeline, masters);
}

function pointsPerTask({ image }: PiJobOptions): number {
  return image === null ? POINTS_PER_TASK.process : POINTS_PER_TASK.image;
}

function watchedFramework(masters: readonly string[], timeline: Timeline): Framework {
  let subscriptions = 0;
  const framework = new Framework({ masters, name: "pi", failoverTimeoutSeconds: 60 });
  framework.on("subscribed", ({ framework_id }) => {
    subscriptions++;
    const again = subscriptions === 1 ? "" : " again";
    timeline.note(
      `subscribed${subscriptions}`,
      `framework ${framework_id.value} subscribed${again}, at ${framework.leader()}`,
    );
  });
  framework.on("error", (error) => print(`framework: ${error.message}`));
  return framework;
}

/** To be called in the turn in which the job begins: offers that come before are declined as long as nobody listens. */
function noteOffers(framework: Framework, timeline: Timeline): void {
  let again = false;
  framework.on("subscribed", () => {
    again = true;
  });
  framework.on("offers", (offers) => {
    timeline.note("offers", `first offers: ${offers.length}`);
    if (again) timeline.note("offers2", "offers from the new leader");
  });
}

async function computeWithProgress(
  framework: Framework,
  options: PiJobOptions,
  timeline: Timeline,
  killing: Killer,
): Promise<PiResult> {
  const bar = createProgressBar(process.stdout);
  let note = "";
  try {
    noteOffers(framework, timeline);
    return await computePi(framework, {
      tasks: TASKS,
      pointsPerTask: pointsPerTask(options),
      cpus: TASK_CPUS,
      mem: TASK_MEM,
      seed: 1,
      ...(options.image === null ? {} : { image: options.image }),
      onLaunch: (taskId, agent) => timeline.note("launched", `first launch: ${taskId} on ${agent}`),
      onProgress: (done, total) => {
        if (done === total >> 1) note = killing.kill();
        bar.update(done, total, note);
      },
    });
  } finally {
    bar.end();
  }
}

interface Killer {
  /** Kills the leading master, once; says so in words. Does nothing where no majority would be left. */
  kill(): string;
  /** Resolves when a new leader is there and the killed master is back. */
  done(): Promise<void>;
}

function killer(cluster: LocalCluster, timeline: Timeline): Killer {
  let work: Promise<void> = Promise.resolve();
  return {
    kill() {
      if (cluster.masters.length < 3) return "";
      work = killLeader(cluster, timeline);
      // It is awaited only after the job; until then a failure must not count as unhandled.
      work.catch(() => undefined);
      return "— leading master killed";
    },
    done: () => work,
  };
}

async function killLeader(cluster: LocalCluster, timeline: Timeline): Promise<void> {
  const old = await waitForLeader(cluster.masters.map(({ api }) => api));
  const victim = cluster.masters.find(({ name }) => name === old.id);
  if (victim === undefined) return;
  timeline.note("killed", `leading master ${victim.name} (pid ${victim.pid()}) killed with SIGKILL`);
  await victim.end("SIGKILL");
  const next = await waitForLeader(othersOf(cluster, victim), old.id);
  timeline.note("reelected", `${next.id} leads in term ${next.term}`);
  victim.start();
}

function othersOf(cluster: LocalCluster, victim: LocalProcess): string[] {
  return cluster.masters.filter((master) => master !== victim).map(({ api }) => api);
}

export interface Leader {
  readonly id: string;
  readonly term: number;
  readonly api: string;
}

/** @throws Error when nobody leads in ELECTION_PATIENCE_MS */
export async function waitForLeader(masters: readonly string[], not?: string): Promise<Leader> {
  const deadline = performance.now() + ELECTION_PATIENCE_MS;
  for (;;) {
    const leader = await leaderNow(masters);
    if (leader !== null && leader.id !== not) return leader;
    if (performance.now() > deadline) throw new Error("the masters elected no leader; see their logs");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function leaderNow(masters: readonly string[]): Promise<Leader | null> {
  for (const master of masters) {
    try {
      const status = await statusOfAny([master]);
      if (status.ready) return { id: status.self, term: status.term, api: leaderApi(status) ?? master };
    } catch {
      // Not up yet, or the one that was killed.
    }
  }
  return null;
}

async function report(result: PiResult, timeline: Timeline, masters: readonly string[]): Promise<void> {
  const failover = timeline.between("killed", "reelected");
  const offers = timeline.between("killed", "offers2");
  print(
    `\nπ ≈ ${result.pi.toFixed(6)}, off by ${result.error.toFixed(6)} (one standard deviation: ${result.deviation.toFixed(6)}),`,
  );
  print(
    `from ${result.points.toLocaleString("en")} points; tasks by agent: ${agentCounts(result)}.\n\nTimeline`,
  );
  for (const line of timeline.lines()) print(line);
  if (failover !== undefined)
    print(`\nNew leader ${failover} ms after the kill, offers ${offers ?? "?"} ms after it.`);
  const status = await statusOfAny(masters);
  print(
    `The log holds ${status.events.toLocaleString("en")} events in ${status.commitIndex.toLocaleString("en")} entries.`,
  );
}

function agentCounts(result: PiResult): string {
  return [...result.tasksByAgent].map(([agent, count]) => `${agent} ${count}`).join(", ");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
