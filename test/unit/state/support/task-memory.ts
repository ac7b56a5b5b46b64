// Bytes of heap that a task takes once it has been restored from a snapshot, as JSON on standard output.
// Usage: node --expose-gc task-memory.ts tasks
import { Leader } from "../../../../bench/state/leader.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../../src/state/snapshot.ts";

const AGENTS = 100;
const tasks = Number(process.argv[2]);

function snapshot(): Uint8Array {
  const options = { agents: AGENTS, frameworks: 10, tasksPerAgent: tasks / AGENTS, eventsPerEntry: 100 };
  const leader = new Leader({ ...options, onEntry: () => undefined });
  leader.fill(tasks / AGENTS);
  for (const task of leader.tasks()) leader.update(task, "TASK_RUNNING");
  return encodeSnapshot(leader.state);
}

function heapBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const bytes = snapshot();
const before = heapBytes();
const restored = decodeSnapshot(bytes);
const heap = heapBytes() - before;
if (!restored.ok) throw new Error(restored.error.message);
let found = 0;
for (const framework of restored.value.frameworks.values()) found += framework.tasks.size;
process.stdout.write(`${JSON.stringify({ tasks: found, heapBytesEach: heap / tasks })}\n`);
