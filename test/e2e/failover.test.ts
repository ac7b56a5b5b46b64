// The leading master is killed again and again while a job runs: nothing is lost, doubled or misreported, and each new
// leader serves offers soon.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Framework, runTasks, type TaskOutcome, type TaskRequest } from "../../src/frameworks/sdk/index.ts";
import { eventually, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { collectStatuses, goesBack, readLedger, recordRun, terminalStates } from "../support/task-ledger.ts";

/** Rounds that must keep the promise below; on a machine that is busy with other things some may not. */
const ROUNDS = 5;
const ROUNDS_MAX = 12;
const TASKS = 300;
const FAILING_EVERY = 5;
const FAILING_CODE = 3;
/** Offers must be there within this time of the kill. Milliseconds. */
const OFFERS_MS_MAX = 2_000;

let cluster: TestCluster;
let ledger: string;

beforeAll(async () => {
  cluster = await startTestCluster({ masters: 3, agents: 2, cpus: 4, mem: 4096 });
  ledger = join(cluster.dataDirectory, "ledger");
  await readLedger(ledger);
  await cluster.ready();
});

afterAll(() => cluster.destroy());

test("kill -9 of the leader, again and again, while tasks are launched and finish", async () => {
  const framework = new Framework({ masters: cluster.apis, name: "failover", failoverTimeoutSeconds: 60 });
  const errors: Error[] = [];
  framework.on("error", (error) => void errors.push(error));
  const statuses = collectStatuses(framework);
  const launched: string[] = [];
  let finished = 0;
  await framework.start();
  const job = runTasks(framework, requests(), {
    attemptsMax: 3,
    onLaunch: (taskId) => void launched.push(taskId),
    onUpdate: (_, { state }) => {
      if (state === "TASK_FINISHED") finished++;
    },
  });

  const times: number[] = [];
  const kills: number[] = [];
  const quick = () => times.filter((ms) => ms <= OFFERS_MS_MAX);
  while (quick().length < ROUNDS && times.length < ROUNDS_MAX) {
    const part = Math.min(0.6, (0.6 * (times.length + 1)) / (ROUNDS + 1)) * TASKS;
    await eventually(`${part} tasks to finish`, () => finished >= part, 60_000);
    times.push(await killLeader(framework, kills));
  }
  const outcomes = await job;
  await framework.stop({ teardown: true });

  const elections = await electionTimes(kills);
  process.stdout.write(`kill to next leader, ms: ${elections.join(", ")}; median ${median(elections)}\n`);
  process.stdout.write(`kill to first offers, ms: ${times.join(", ")}; median ${median(times)}\n`);
  expect(errors).toEqual([]);
  expect(quick().length, `kill to first offers, ms: ${times.join(", ")}`).toBeGreaterThanOrEqual(ROUNDS);
  checkOutcomes(outcomes);
  await checkLedger(launched, statuses);
});

function requests(): TaskRequest[] {
  return Array.from({ length: TASKS }, (_, i) => {
    const fails = i % FAILING_EVERY === 0;
    const end = fails ? `exit ${FAILING_CODE}` : `exit 0`;
    return {
      id: `${fails ? "bad" : "good"}-${i}`,
      cpus: 0.5,
      mem: 32,
      command: `${recordRun(ledger)}; sleep 0.5; ${end}`,
    };
  });
}

/** @param kills gets the moment @returns milliseconds from the kill to the first offers of the next leader */
async function killLeader(framework: Framework, kills: number[]): Promise<number> {
  const victim = await cluster.leader();
  await eventually("the framework to follow the leader", () => framework.leader() === victim.api);
  const offered = new Promise<number>((resolve) => {
    framework.on("offers", () => {
      if (framework.leader() !== victim.api) resolve(performance.now());
    });
  });
  const killed = performance.now();
  kills.push(Date.now());
  await victim.end("SIGKILL");
  const ms = Math.round((await offered) - killed);
  victim.start();
  await eventually(
    "the killed master to be back",
    async () => (await fetch(`http://${victim.api}/health`)).ok,
  );
  return ms;
}

/** Milliseconds from each of these moments to the next election won, as the masters' logs have it. */
async function electionTimes(sinceMs: readonly number[]): Promise<readonly number[]> {
  const logs = cluster.masters.map(({ name }) => join(cluster.dataDirectory, "logs", `${name}.log`));
  const lines = (await Promise.all(logs.map((log) => readFile(log, "utf8")))).join("\n").split("\n");
  const won = lines
    .filter((line) => line.includes('"role":"leader"') && line.includes('"ready":false'))
    .map((line) => Number(/"time":(\d+)/.exec(line)?.[1]))
    .sort((a, b) => a - b);
  return sinceMs.map((moment) => (won.find((time) => time >= moment) ?? Number.NaN) - moment);
}

function median(numbers: readonly number[]): number | undefined {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function checkOutcomes(outcomes: readonly TaskOutcome[]): void {
  expect(outcomes).toHaveLength(TASKS);
  for (const { request, status, attempts } of outcomes) {
    const bad = request.id.startsWith("bad");
    expect({ id: request.id, state: status.state, attempts }).toMatchObject({
      state: bad ? "TASK_FAILED" : "TASK_FINISHED",
    });
    if (bad) expect(status.message).toContain(`exited with status ${FAILING_CODE}`);
  }
}

/** A task that is said to have ended ran once; one that nobody knows never ran. */
async function checkLedger(
  launched: readonly string[],
  statuses: ReturnType<typeof collectStatuses>,
): Promise<void> {
  const runs = await readLedger(ledger);
  expect(new Set(launched).size).toBeGreaterThanOrEqual(TASKS);
  for (const taskId of new Set(launched)) {
    const told = statuses.get(taskId) ?? [];
    const lines = runs.get(taskId) ?? [];
    const ends = terminalStates(told);
    const story = { taskId, told: told.map(({ state }) => state), lines };
    const ran = ends[0] === "TASK_FINISHED" || ends[0] === "TASK_FAILED";
    expect(ends, JSON.stringify(story)).toHaveLength(1);
    expect(goesBack(told), JSON.stringify(story)).toBe(false);
    expect(lines, JSON.stringify(story)).toHaveLength(ran ? 1 : 0);
    expect(lines.every((line) => line.taskId === taskId)).toBe(true);
  }
  for (const taskId of runs.keys()) expect(launched).toContain(taskId);
}
