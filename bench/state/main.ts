// How fast the state machine is on a large cluster: 10,000 agents and 200,000 tasks are set up, then tasks end and new
// ones start. Prints events per second of evolve alone (a follower), of decide + evolve + effectsOf (a leader), of
// packing, and what a snapshot costs, all in CPU time. No disk, no network. Snapshots beside the work, restores and
// replay from a real log are in snapshots.ts.
import { decodeEntry, type Entry, encodeEntry } from "../../src/state/codec.ts";
import { evolve } from "../../src/state/evolve.ts";
import { decodeSnapshot, digest, encodeSnapshot } from "../../src/state/snapshot.ts";
import { Leader } from "./leader.ts";

const AGENTS = Number(process.argv[2] ?? 10_000);
const FRAMEWORKS = 10;
const TASKS_PER_AGENT = 20;
/** Tasks that end and are replaced, in the measured part; four events each. */
const CHURN = 60_000;
const EVENTS_PER_ENTRY = 500;

function churn(leader: Leader): void {
  const running = leader.tasks();
  const stride = Math.max(1, Math.floor(running.length / CHURN));
  for (let i = 0; i < running.length; i += stride) {
    const ending = running[i];
    if (ending !== undefined) leader.update(ending, "TASK_FINISHED");
  }
  for (let round = 0; round < 3; round++) leader.fill(2);
  leader.cut();
}

/** Seconds of CPU, the garbage collector's threads included: the same on a busy machine as on an idle one. */
function timed<Value>(work: () => Value): { readonly value: Value; readonly seconds: number } {
  const start = process.cpuUsage();
  const value = work();
  const { user, system } = process.cpuUsage(start);
  return { value, seconds: (user + system) / 1e6 };
}

function count(entries: readonly Entry[]): number {
  return entries.reduce((sum, { events }) => sum + events.length, 0);
}

function rate(what: string, events: number, seconds: number): void {
  const perSecond = Math.round(events / seconds).toLocaleString("en");
  console.log(
    `${what.padEnd(34)} ${perSecond.padStart(12)} events/s  (${events} in ${seconds.toFixed(2)} s)`,
  );
}

/** Runs in its own function, so that the leader's state is garbage when the follower is measured. */
function lead() {
  const entries: Entry[] = [];
  const leader = new Leader({
    agents: AGENTS,
    frameworks: FRAMEWORKS,
    tasksPerAgent: TASKS_PER_AGENT,
    eventsPerEntry: EVENTS_PER_ENTRY,
    onEntry: (entry) => void entries.push(entry),
  });
  leader.fill(TASKS_PER_AGENT);
  leader.cut();
  console.log(`${leader.state.agents.size} agents, ${leader.tasks().length} tasks`);
  const snapshot = timed(() => encodeSnapshot(leader.state));
  entries.length = 0;
  leader.effects = 0;
  const leading = timed(() => churn(leader));
  const events = count(entries);
  rate("decide + evolve + effects (leader)", events, leading.seconds);
  const packed = timed(() => entries.map(encodeEntry));
  rate("encode", events, packed.seconds);
  const bytes = packed.value.reduce((sum, { length }) => sum + length, 0);
  console.log(
    `${(bytes / events).toFixed(0)} bytes an event, ${(leader.effects / events).toFixed(2)} effects`,
  );
  return { snapshot, entries: packed.value, digest: digest(leader.state) };
}

function main(): void {
  const { snapshot, entries, digest: expected } = lead();
  const restored = timed(() => decodeSnapshot(snapshot.value));
  if (!restored.value.ok) throw new Error(restored.value.error.message);
  const follower = restored.value.value;
  let events = 0;
  let decoding = 0;
  let evolving = 0;
  for (const bytes of entries) {
    const decoded = timed(() => decodeEntry(bytes));
    if (!decoded.value.ok) throw new Error(decoded.value.error.message);
    const entry = decoded.value.value;
    events += entry.events.length;
    decoding += decoded.seconds;
    evolving += timed(() => {
      for (const event of entry.events) evolve(follower, event, entry.time);
    }).seconds;
  }
  rate("decode", events, decoding);
  rate("evolve (follower)", events, evolving);
  const megabytes = (snapshot.value.length / 1e6).toFixed(1);
  console.log(
    `snapshot ${megabytes} MB: packed in ${snapshot.seconds.toFixed(2)} s, read in ${restored.seconds.toFixed(2)} s`,
  );
  if (digest(follower) !== expected) throw new Error("leader and follower differ");
}

main();
