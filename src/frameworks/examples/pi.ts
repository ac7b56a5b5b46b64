// The example job: π by Monte Carlo. Each task throws its share of the points with awk and writes how many fell into
// the quarter circle to its stdout; the framework reads that from the sandbox and adds up. A task's result is counted
// once, whatever happens to masters meanwhile, because it is kept under the task's id.
import {
  type Framework,
  readSandboxFile,
  runTasks,
  type TaskOutcome,
  type TaskRequest,
} from "../sdk/index.ts";

export interface PiOptions {
  readonly tasks: number;
  /** Points thrown by each task. */
  readonly pointsPerTask: number;
  readonly cpus: number;
  /** Megabytes. */
  readonly mem: number;
  /** Image to run in, with awk in it; none for plain processes. */
  readonly image?: string;
  readonly seed: number;
  readonly onLaunch?: (taskId: string, agent: string) => void;
  /** After each task: how many of all are done. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface PiResult {
  readonly pi: number;
  /** Distance to the true value. */
  readonly error: number;
  /** One standard deviation of the estimate: what the error should be like. */
  readonly deviation: number;
  readonly points: number;
  readonly tasksByAgent: ReadonlyMap<string, number>;
}

/** @throws Error if a task did not finish or wrote no result */
export async function computePi(framework: Framework, options: PiOptions): Promise<PiResult> {
  const agents = new Map<string, string>();
  let done = 0;
  const outcomes = await runTasks(framework, requests(options), {
    onLaunch: (taskId, offer) => {
      const agent = `${offer.hostname}:${offer.url?.address.port ?? ""}`;
      agents.set(taskId, agent);
      options.onLaunch?.(taskId, agent);
    },
    onUpdate: (_taskId, status) => {
      if (status.state === "TASK_FINISHED") options.onProgress?.(++done, options.tasks);
    },
  });
  const hits = await Promise.all(outcomes.map(hitsOf));
  const points = options.tasks * options.pointsPerTask;
  return { ...estimate(sum(hits), points), tasksByAgent: countByAgent(outcomes, agents) };
}

function requests(options: PiOptions): TaskRequest[] {
  return Array.from({ length: options.tasks }, (_, index) => ({
    id: `pi-${String(index + 1).padStart(3, "0")}`,
    cpus: options.cpus,
    mem: options.mem,
    command: script(options.seed + index, options.pointsPerTask),
    ...(options.image === undefined ? {} : { image: options.image }),
  }));
}

function script(seed: number, points: number): string {
  const loop = `for (i = 0; i < ${points}; i++) { x = rand(); y = rand(); if (x * x + y * y < 1) hits++ }`;
  return `awk 'BEGIN { srand(${seed}); ${loop}; print "hits", hits }'`;
}

async function hitsOf(outcome: TaskOutcome): Promise<number> {
  const { state, message } = outcome.status;
  if (state !== "TASK_FINISHED")
    throw new Error(`task ${outcome.taskId} ended as ${state}: ${message ?? ""}`);
  if (outcome.sandbox === undefined) throw new Error(`the agent of task ${outcome.taskId} has no address`);
  const output = (await readSandboxFile(outcome.sandbox, "stdout")).toString("utf8");
  const match = /^hits (\d+)$/m.exec(output);
  if (match === null) throw new Error(`task ${outcome.taskId} wrote no result but: ${output.slice(0, 200)}`);
  return Number(match[1]);
}

function estimate(hits: number, points: number): Omit<PiResult, "tasksByAgent"> {
  const share = hits / points;
  const pi = 4 * share;
  return {
    pi,
    error: Math.abs(pi - Math.PI),
    deviation: 4 * Math.sqrt((share * (1 - share)) / points),
    points,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

function countByAgent(
  outcomes: readonly TaskOutcome[],
  agents: ReadonlyMap<string, string>,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { taskId } of outcomes) {
    const agent = agents.get(taskId) ?? "unknown";
    counts.set(agent, (counts.get(agent) ?? 0) + 1);
  }
  return counts;
}
