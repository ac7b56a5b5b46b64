// Writes a data folder for snapshots.ts: a snapshot of a large cluster, and a log that goes on from it with tasks that
// are launched, report three statuses and are acknowledged. Runs in a process of its own, for its memory is not to be
// measured.
// Usage: node bench/state/write-log.ts folder tasks events-per-entry
import { createNodeDisk } from "../../src/host/node-disk.ts";
import { asId, asIndex, asTerm, type LogIndex } from "../../src/kernel/ids.ts";
import { openLog } from "../../src/log/index.ts";
import { LogStorage } from "../../src/master/log-storage.ts";
import type { Entry as LogEntry } from "../../src/raft/index.ts";
import { votersOnly } from "../../src/raft/membership.ts";
import { beginWalk } from "../../src/state/checkpoint/walk.ts";
import { type Entry, encodeEntry } from "../../src/state/codec.ts";
import type { TaskStateName } from "../../src/state/model.ts";
import { Leader } from "./leader.ts";

const [folder = "", tasks = "1000000", eventsPerEntry = "100"] = process.argv.slice(2);
const TASKS_PER_AGENT = 100;
const FRAMEWORKS = 100;
/** Tasks that are launched on each agent and end in one round of the log. */
const TASKS_A_ROUND = 10;
const ROUNDS = 2;
const APPENDED_AT_ONCE = 1_000;
const STATES: readonly TaskStateName[] = ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"];

const term = asTerm(1);
const membership = votersOnly([asId("m1")]);

function* chunksOf(walk: ReturnType<typeof beginWalk>): Generator<Uint8Array> {
  for (let chunk = walk.next(); chunk !== null; chunk = walk.next()) yield chunk;
}

/** Launches on every agent and takes the tasks through their states. */
function round(leader: Leader): void {
  leader.fill(TASKS_A_ROUND);
  const launched = leader.tasks().filter(({ state }) => state === "TASK_STAGING");
  for (const state of STATES) for (const task of launched) leader.update(task, state);
  leader.cut();
}

async function main(): Promise<void> {
  const storage = await LogStorage.open(await openLog({ disk: createNodeDisk(folder), directory: "log" }));
  let made: Entry[] = [];
  const leader = new Leader({
    agents: Number(tasks) / TASKS_PER_AGENT,
    frameworks: FRAMEWORKS,
    tasksPerAgent: TASKS_PER_AGENT + TASKS_A_ROUND,
    eventsPerEntry: Number(eventsPerEntry),
    onEntry: (entry) => void made.push(entry),
  });
  leader.fill(TASKS_PER_AGENT);
  for (const task of leader.tasks()) {
    leader.update(task, "TASK_RUNNING");
    made = [];
  }
  leader.cut();
  made = [];

  await storage.append({ entries: [{ index: asIndex(1), term, payload: new Uint8Array() }] });
  await storage.writeSnapshot({ index: asIndex(1), term, membership }, chunksOf(beginWalk(leader.state)));
  let next: LogIndex = asIndex(2);
  for (let i = 0; i < ROUNDS; i++) {
    round(leader);
    for (let at = 0; at < made.length; at += APPENDED_AT_ONCE) {
      const entries: LogEntry[] = made.slice(at, at + APPENDED_AT_ONCE).map((entry) => {
        const packed = { index: next, term, payload: encodeEntry(entry) };
        next = asIndex(next + 1);
        return packed;
      });
      await storage.append({ entries });
    }
    made = [];
  }
  await storage.close();
}

await main();
