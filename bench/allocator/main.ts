// Medians of the allocator on Mesos' published grid, in milliseconds: adding all agents; a cycle with everything free;
// an idle cycle after every framework has declined every agent with a long filter; a cycle with 99 % of each agent in
// use; one agent's resources recovered and the cycle that follows. Agents are `cpus:24;mem:4096;disk:4096;ports:[31000-32000]`, one role.
//   node bench/allocator/main.ts [agents ...]
import {
  type AllocatorState,
  addAgent,
  addFilter,
  addFramework,
  allocate,
  allocateTo,
  createAllocatorState,
  hold,
  parse,
  type Resources,
  recover,
} from "../../src/allocator/index.ts";
import { type AgentId, asId, asMillis, type FrameworkId, type RoleName } from "../../src/kernel/ids.ts";

const RUNS = 7;
const YEAR_MS = 31_536_000_000;
const NOW = asMillis(1_700_000_000_000);
const role = asId<RoleName>("*");
const total = resources("cpus:24;mem:4096;disk:4096;ports:[31000-32000]");
const nearlyAll = resources("cpus:23.99;mem:4080;disk:4055;ports:[31000-31990]");

function resources(text: string): Resources {
  const parsed = parse(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

const agentId = (number: number): AgentId => asId<AgentId>(`bench-S${number}`);
const frameworkId = (number: number): FrameworkId =>
  asId<FrameworkId>(`bench-${String(number).padStart(4, "0")}`);

function withFrameworks(count: number): AllocatorState {
  const state = createAllocatorState();
  for (let number = 0; number < count; number++) {
    addFramework(state, frameworkId(number), { roles: [role], suppressed: [], capabilities: { gpu: false } });
  }
  return state;
}

function addAgents(state: AllocatorState, count: number): void {
  for (let number = 0; number < count; number++) addAgent(state, agentId(number), total);
}

function declineAll(state: AllocatorState, agents: number, frameworks: number): void {
  const until = asMillis(NOW + YEAR_MS);
  for (let agent = 0; agent < agents; agent++) {
    for (let framework = 0; framework < frameworks; framework++) {
      addFilter(state, frameworkId(framework), role, agentId(agent), total, until);
    }
  }
}

/** Median over runs; each is prepared anew, and that is not measured. Milliseconds. */
function median(prepare: () => AllocatorState, measured: (state: AllocatorState) => void): number {
  const taken: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const state = prepare();
    const start = performance.now();
    measured(state);
    taken.push(performance.now() - start);
  }
  return taken.sort((a, b) => a - b)[RUNS >> 1] ?? Number.NaN;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function freeOneAndAllocate(state: AllocatorState): void {
  recover(state, frameworkId(0), role, agentId(0), nearlyAll);
  for (const offer of allocate(state, NOW)) {
    allocateTo(state, offer.frameworkId, offer.role, offer.agentId, offer.resources);
  }
}

function row(agents: number, frameworks: number): string[] {
  const filled = () => {
    const state = withFrameworks(frameworks);
    addAgents(state, agents);
    return state;
  };
  const declined = () => {
    const state = filled();
    declineAll(state, agents, frameworks);
    return state;
  };
  const busy = () => {
    const state = filled();
    for (let number = 0; number < agents; number++) {
      hold(state, frameworkId(number % frameworks), role, agentId(number), nearlyAll);
    }
    for (const offer of allocate(state, NOW)) {
      allocateTo(state, offer.frameworkId, offer.role, offer.agentId, offer.resources);
    }
    return state;
  };
  const nothing = (state: AllocatorState) => expectCount(allocate(state, NOW).length, 0);
  const figures = [
    median(
      () => withFrameworks(frameworks),
      (state) => addAgents(state, agents),
    ),
    median(once(filled), (state) => expectCount(allocate(state, NOW).length, agents)),
    median(once(declined), nothing),
    median(once(busyButSmall(filled, agents, frameworks)), nothing),
    median(busy, freeOneAndAllocate),
  ];
  return [
    `${agents} × ${frameworks}`,
    ...figures.map((ms) => ms.toFixed(ms < 1 ? 3 : 1)),
    memoryOf(declined),
  ];
}

/** 99 % of each agent in use and the rest less than the minimum that is offered. */
function busyButSmall(
  filled: () => AllocatorState,
  agents: number,
  frameworks: number,
): () => AllocatorState {
  const used = resources("cpus:23.995;mem:4080;disk:4055;ports:[31000-31990]");
  return () => {
    const state = filled();
    for (let number = 0; number < agents; number++) {
      hold(state, frameworkId(number % frameworks), role, agentId(number), used);
    }
    return state;
  };
}

/** Bytes of the heap that the state takes, in MiB; needs `--expose-gc` to be exact. */
function memoryOf(make: () => AllocatorState): string {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const state = make();
  globalThis.gc?.();
  const after = process.memoryUsage().heapUsed;
  expectCount(allocate(state, NOW).length, 0);
  return ((after - before) / 2 ** 20).toFixed(1);
}

function expectCount(count: number, wanted: number): void {
  if (count !== wanted) throw new Error(`${count} offers, not ${wanted}`);
}

const header = [
  "agents × frameworks",
  "add all",
  "all free",
  "declined",
  "99 % full",
  "one freed",
  "declined, MiB",
];
const sizes = process.argv.slice(2).map(Number);
console.log(header.join(" | "));
for (const agents of sizes.length > 0 ? sizes : [1_000, 10_000]) {
  for (const frameworks of [1, 50, 200]) console.log(row(agents, frameworks).join(" | "));
}
