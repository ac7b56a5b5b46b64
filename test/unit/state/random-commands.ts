// Random but sensible streams of commands: they name things that exist most of the time.
import fc from "fast-check";
import {
  add,
  conversionsOf,
  makeResources,
  type Predicate,
  type Resources,
  type RoleConstraints,
} from "../../../src/allocator/index.ts";
import type { EncodedMessage } from "../../../src/kernel/encoded.ts";
import { type AgentId, asId, asTerm, type FrameworkId, type RoleName } from "../../../src/kernel/ids.ts";
import { totalOf } from "../../../src/state/agent-resources.ts";
import type { Conversion, Operation, TaskSpec } from "../../../src/state/commands.ts";
import { isDown } from "../../../src/state/machines.ts";
import type { FaultDomain, TaskStateName } from "../../../src/state/model.ts";
import { uuidOf } from "../../../src/state/operation-uuids.ts";
import { pairsOf } from "../../../src/state/pairs.ts";
import { agentSpec, Cluster, customExecutor, frameworkSpec, scalars, taskSpec } from "./cluster.ts";

/** A number picks one of what there is at that time. */
export interface Step {
  readonly what: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const word = fc.nat({ max: 1_000_000 });
export const steps = fc.array(fc.record({ what: fc.nat({ max: 99 }), a: word, b: word, c: word }), {
  minLength: 40,
  maxLength: 140,
  size: "max",
});

const STATES: readonly TaskStateName[] = [
  "TASK_RUNNING",
  "TASK_STARTING",
  "TASK_RUNNING",
  "TASK_KILLING",
  "TASK_FINISHED",
  "TASK_FAILED",
];

/** Some above others, and one whose role above is nobody's. */
const ROLES = ["dev", "dev/web", "ops/night", "dev/web/canary"] as const;

function roleName(n: number): RoleName {
  return asId(ROLES[n % ROLES.length] ?? "dev");
}

function nth<Item>(items: Iterable<Item>, index: number): Item | undefined {
  const all = [...items];
  return all.length === 0 ? undefined : all[index % all.length];
}

/** A cluster with something in it, after these steps. */
export function clusterAfter(all: readonly Step[], cluster = new Cluster()): Cluster {
  begin(cluster);
  for (const step of all) take(cluster, step);
  return cluster;
}

export function begin(cluster: Cluster): void {
  cluster.do({ kind: "lead", memberId: asId("m1"), term: asTerm(1) }, { domain: domainOf(0) });
  for (const seed of [0, 1]) subscribe(cluster, seed + 1, seed);
  for (const seed of [0, 1, 2]) register(cluster, seed + 1);
}

/** Carries out a step; one that has nothing to work on passes time. */
export function take(cluster: Cluster, { what, a, b, c }: Step): void {
  cluster.wait(c % 4 === 0 ? 0 : c % 3_000);
  for (const [below, action] of ACTIONS) {
    if (what >= below) continue;
    action(cluster, a, b, c);
    return;
  }
}

type Action = (cluster: Cluster, a: number, b: number, c: number) => void;

const ACTIONS: readonly (readonly [number, Action])[] = [
  [3, subscribe],
  [6, register],
  [26, (cluster) => void cluster.allocate()],
  [46, accept],
  [48, decline],
  [49, operate],
  [67, update],
  [77, acknowledge],
  [79, kill],
  [80, (cluster, a, b, c) => (c % 4 === 0 ? maintain(cluster, a, b) : changeDuty(cluster, a, b, c))],
  [83, loseAgent],
  [89, returnAgent],
  [90, loseFramework],
  [93, (cluster, a, b, c) => (c % 3 === 0 ? updateFramework(cluster, a, b) : returnFramework(cluster, a, b))],
  [94, lead],
  [95, requota],
  [96, expire],
  [97, (cluster, a, b, c) => (c % 2 === 0 ? suppressOrRevive(cluster, a, b) : reweigh(cluster, a, b))],
  [98, executorExits],
  [99, reconcile],
  [100, (cluster, a, _b, c) => (c % 2 === 0 ? unregister(cluster, a) : teardown(cluster, a))],
];

function subscribe(cluster: Cluster, a: number, b: number): void {
  if (cluster.state.frameworks.size >= 4) return;
  const aware = a % 2 === 0;
  cluster.subscribe({
    roles: [roleName(b % 3), roleName((b % 3) + 1)],
    capabilities: [
      "MULTI_ROLE",
      ...(aware ? ["PARTITION_AWARE" as const] : []),
      ...(a % 3 > 0 ? ["SHARED_RESOURCES" as const] : []),
      ...(b % 2 === 0 ? ["REGION_AWARE" as const] : []),
    ],
    failoverTimeoutMs: a % 5 === 0 ? 0 : 1_000_000,
  });
}

function register(cluster: Cluster, a: number): void {
  if (cluster.state.agents.size >= 4 || isDown(cluster.state, agentSpec())) return;
  const ports = {
    name: "ports",
    meta: "",
    value: { kind: "ranges", ranges: [{ begin: 1, end: 9 }] },
  } as const;
  const resources = [...scalars({ cpus: 1 + (a % 4), disk: 64, mem: 256 }), ports];
  cluster.register(resources, [], null, [], regionFor(cluster, a));
}

function domainOf(a: number): FaultDomain {
  const region = a % 2 === 0 ? "eu" : "us";
  return { region, zone: `${region}-1` };
}

/** None at times, and always under a leader that has none: that would not admit it. */
function regionFor({ state }: Cluster, a: number): string | null {
  return state.leader?.domain === undefined || a % 3 === 2 ? null : domainOf(a).region;
}

function accept(cluster: Cluster, a: number, b: number, c: number): void {
  const offer = nth(cluster.state.offers.values(), a);
  if (offer === undefined) return;
  const spoiled = c % 23 === 0 ? [{ ...offer, id: asId<typeof offer.id>("none") }] : [];
  const tasks: TaskSpec[] = [];
  for (let i = 0; i <= b % 3; i++) {
    const executor =
      (a + i) % 3 === 0 ? customExecutor(`e-${b % 4}`, 0.1, c % 11 === 0 ? "other" : "golden") : null;
    const cpus = ((c + i) % 9) / 10 + 0.1;
    const resources = [...volumesOf(offer.resources, a + i), ...scalars({ cpus, mem: 32 })];
    const made = makeResources(resources);
    const task = taskSpec(`t-${(b + i) % 30}`, offer.agentId, {
      cpus,
      executor,
      ...(made.ok ? { resources: made.value } : {}),
    });
    tasks.push(executor === null && (b + c) % 4 > 0 ? { ...task, wire: encodedWire(task.taskId) } : task);
  }
  const launch: Operation = { kind: "launch", operationId: null, tasks };
  const operations = c % 4 === 0 ? [convertSome(offer.role, offer.resources, b, c), launch] : [launch];
  cluster.acceptWith([offer, ...spoiled], operations, (c % 3) * 700);
}

/** What is shared among them, now and then. */
function volumesOf(there: Resources, n: number): Resources {
  return n % 3 === 0 ? [] : there.filter(({ meta }) => meta.includes('"shared"'));
}

/** Of a volume that is there, by what is reserved as it is; null if there is none. */
function resizeSome(there: Resources, b: number): Conversion | null {
  const volume = there.find(({ meta }) => meta.includes("persistence"));
  if (volume?.value.kind !== "scalar") return null;
  const { millis } = volume.value;
  const [plain] = conversionsOf("DESTROY", [volume]).map(({ to }) => to);
  if (plain === undefined || millis < 2_000) return null;
  const part = (resource: Resources[number], of: number) =>
    [{ ...resource, value: { kind: "scalar", millis: of } }] as const;
  const shrinks = b % 2 === 0;
  return {
    kind: "convert",
    type: shrinks ? "SHRINK_VOLUME" : "GROW_VOLUME",
    operationId: b % 3 === 0 ? `op-${b}` : null,
    resources: shrinks ? add(part(volume, millis - 1_000), part(plain, 1_000)) : part(volume, millis + 1_000),
    source: shrinks ? [volume] : add([volume], part(plain, 1_000)),
    invalid: null,
  };
}

/** Reserves some of what is there, or undoes or makes a volume of what is reserved, as far as it is possible. */
function convertSome(role: RoleName, there: Resources, b: number, c: number): Conversion {
  const stack = [{ type: "DYNAMIC", role, principal: `p${c % 2}` }];
  const reserved = JSON.stringify({ name: "", type: "SCALAR", reservations: stack });
  const disk = {
    persistence: { id: `v${b % 3}` },
    volume: { mode: "RW", container_path: "data" },
  };
  const shared = c % 2 === 0 ? { shared: {} } : {};
  const volume = JSON.stringify({ name: "", type: "SCALAR", reservations: stack, disk, ...shared });
  const resize = b % 7 === 0 ? resizeSome(there, c) : null;
  if (resize !== null) return resize;
  const type = (["RESERVE", "CREATE", "RESERVE", "UNRESERVE", "DESTROY"] as const)[b % 5] ?? "RESERVE";
  const own = there.filter(({ meta }) => (type === "DESTROY" ? meta.includes("persistence") : meta !== ""));
  const made = [
    ...(type === "RESERVE" ? scalars({ cpus: 0.1 + (c % 5) / 10 }) : []),
    ...scalars({ disk: 1 + (c % 8) }),
  ];
  return {
    kind: "convert",
    type,
    operationId: c % 3 === 0 ? `op-${b}` : null,
    resources:
      type === "RESERVE" || type === "CREATE"
        ? made.map((each) => ({ ...each, meta: type === "CREATE" ? volume : reserved }))
        : own,
    source: null,
    invalid: null,
  };
}

function operate(cluster: Cluster, a: number, b: number, c: number): void {
  const agent = nth(cluster.state.agents.values(), a);
  if (agent === undefined) return;
  cluster.try({
    kind: "operate",
    agentId: agent.id,
    operation: convertSome(roleName(a), totalOf(agent), b, c),
  });
}

/** As the edge makes it of a call in protobuf; bytes of all values are in it. */
function encodedWire(id: string): EncodedMessage {
  return `\n\u0004name\u0012${id}\u0000\u007f\u0080\u00ff` as EncodedMessage;
}

function decline(cluster: Cluster, a: number, b: number): void {
  const offer = nth(cluster.state.offers.values(), a);
  if (offer !== undefined) cluster.decline(offer.frameworkId, [offer.id], (b % 4) * 1_000);
}

function anyTask(cluster: Cluster, a: number, b: number) {
  const framework = nth(cluster.state.frameworks.values(), a);
  return nth([...(framework?.tasks.values() ?? []), ...(framework?.unreachableTasks.values() ?? [])], b);
}

function update(cluster: Cluster, a: number, b: number, c: number): void {
  const task = anyTask(cluster, a, b);
  if (task === undefined || cluster.state.agents.get(task.agentId)?.connection.kind === "unreachable") return;
  if (c % 7 === 6 && task.unacknowledged !== null) {
    cluster.update(task.frameworkId, task.id, task.unacknowledged, task.state);
    return;
  }
  const name = STATES[c % STATES.length] ?? "TASK_RUNNING";
  const bytes = new Uint8Array([c % 256, a % 256]);
  const wire = c % 2 === 0 ? { data: bytes } : bytes;
  cluster.status(task.frameworkId, task.id, name, c % 11 === 0 ? "TASK_FAILED" : name, undefined, wire);
}

function acknowledge(cluster: Cluster, a: number, b: number, c: number): void {
  const operation = c % 4 === 0 ? nth(cluster.state.operations.values(), a) : undefined;
  if (operation !== undefined) {
    const { frameworkId, operationId, number } = operation;
    const uuid = uuidOf("status", number);
    cluster.try({ kind: "acknowledge-operation", frameworkId, operationId, uuid });
    return;
  }
  const task = anyTask(cluster, a, b);
  if (task === undefined || cluster.framework(task.frameworkId).connection.kind !== "connected") return;
  const uuid = c % 10 === 0 ? "ff" : (task.unacknowledged?.uuid ?? "00");
  cluster.acknowledge(task.frameworkId, task.id, uuid);
}

function kill(cluster: Cluster, a: number, b: number, c: number): void {
  const task = anyTask(cluster, a, b);
  if (task === undefined || cluster.framework(task.frameworkId).connection.kind !== "connected") return;
  cluster.kill(task.frameworkId, c % 5 === 0 ? "nobody" : task.id, c % 2 === 0 ? task.agentId : null);
}

function loseAgent(cluster: Cluster, a: number): void {
  const agent = nth(cluster.state.agents.values(), a);
  if (agent?.connection.kind === "connected") cluster.loseAgent(agent.id);
}

/** It has forgotten some tasks, may remember some that the cluster does not know, and may have grown. */
function returnAgent(cluster: Cluster, a: number, b: number, c: number): void {
  const away = [...cluster.state.agents.values()].filter(({ connection }) => connection.kind !== "connected");
  const agent = nth(away.length === 0 ? cluster.state.agents.values() : away, a);
  if (agent === undefined || isDown(cluster.state, agent.spec)) return;
  const tasks: [FrameworkId, string, TaskStateName][] = [];
  for (const [frameworkId, ids] of agent.tasks) {
    for (const taskId of ids.keys()) {
      if ((b + tasks.length) % 4 !== 0)
        tasks.push([frameworkId, taskId, STATES[c % STATES.length] ?? "TASK_RUNNING"]);
    }
  }
  if (c % 3 === 0)
    tasks.push([nth(cluster.state.frameworks.keys(), c) ?? asId("gone"), "stray", "TASK_RUNNING"]);
  const executors: [FrameworkId, string][] = [];
  for (const [frameworkId, ids] of agent.executors) {
    for (const executorId of ids.keys()) if (c % 2 === 0) executors.push([frameworkId, executorId]);
  }
  const resources = b % 5 === 0 ? add(agent.spec.resources, scalars({ cpus: 1 })) : agent.spec.resources;
  const rack = b % 7 === 0 ? `r${c % 3}` : (agent.spec.attributes.rack ?? null);
  // It may be refused: what it says of tasks that had ended is made up.
  cluster.tryRegister(resources, tasks, agent.id, executors, regionFor(cluster, b), rack);
}

function loseFramework(cluster: Cluster, a: number): void {
  const framework = nth(cluster.state.frameworks.values(), a);
  if (framework?.connection.kind === "connected") cluster.loseFramework(framework.id);
}

function returnFramework(cluster: Cluster, a: number, b: number): void {
  const away = [...cluster.state.frameworks.values()].filter((one) => one.connection.kind !== "connected");
  const framework = nth(away.length === 0 ? cluster.state.frameworks.values() : away, a);
  if (framework === undefined) return;
  const roles = b % 3 === 0 ? [roleName(b % 4)] : framework.spec.roles;
  cluster.subscribe({ ...frameworkSpec(framework.spec), roles }, framework.id);
}

function lead(cluster: Cluster, a: number, b: number, c: number): void {
  if (c % 2 === 0) return;
  const domain = c % 3 === 0 ? {} : { domain: domainOf(b) };
  cluster.do({ kind: "lead", memberId: asId("m2"), term: asTerm(2 + a) }, domain);
  for (const _framework of cluster.state.frameworks) returnFramework(cluster, a++, b);
}

/** What an operator says of one agent; refused in part. */
function changeDuty(cluster: Cluster, a: number, b: number, c: number): void {
  const agentId = nth(cluster.state.agents.keys(), a);
  if (agentId === undefined) return;
  const config = { maxGraceNanos: c % 2 === 0 ? null : BigInt(c) * 1_000_000n, markGone: c % 5 === 0 };
  if (b % 8 < 3) cluster.try({ kind: "drain-agent", agentId, config });
  else if (b % 8 < 6) cluster.try({ kind: "reactivate-agent", agentId });
  else if (b % 8 < 7) cluster.try({ kind: "deactivate-agent", agentId });
  else cluster.try({ kind: "mark-agent-gone", agentId });
}

/** All agents are on one machine; another is there too. */
function maintain(cluster: Cluster, a: number, b: number): void {
  if (b % 5 === 0) answerInverse(cluster, a, b);
  const machines = [{ hostname: a % 3 === 0 ? agentSpec().hostname : "other" }];
  if (b % 3 === 0) cluster.try({ kind: "start-maintenance", machines });
  else if (b % 3 === 1) cluster.try({ kind: "stop-maintenance", machines });
  else {
    const unavailability = { start: BigInt(a % 5), duration: b % 2 === 0 ? null : 5n };
    const windows = a % 7 === 0 ? [] : [{ machines, unavailability }];
    cluster.try({ kind: "update-maintenance-schedule", windows });
  }
}

function answerInverse(cluster: Cluster, a: number, b: number): void {
  const asked = [...pairsOf(cluster.state.maintenance.inverse)];
  const [, frameworkId, { offerId = null } = {}] = nth(asked, a) ?? [];
  if (frameworkId === undefined || offerId === null) return;
  const status = b % 2 === 0 ? "ACCEPT" : "DECLINE";
  const refuseMs = (b % 3) * 1_000;
  cluster.do({ kind: "answer-inverse-offers", frameworkId, offerIds: [offerId], status, refuseMs });
}

/** Mostly what makes absent agents unreachable; at times so long that these are forgotten. */
function expire(cluster: Cluster, a: number): void {
  cluster.wait(a % 9 === 0 ? 15 * 24 * 3_600_000 : 60_000 + (a % 30_000));
  setPolicy(cluster, a);
  cluster.do({ kind: "expire" });
}

/** Some settings otherwise than by default, in turn none. */
function setPolicy(cluster: Cluster, a: number): void {
  cluster.setPolicy({
    offerTimeoutMs: a % 2 === 0 ? 5_000 : null,
    ...(a % 3 === 0 ? { roleSorter: "random", whitelist: new Set(["host", `host${a % 5}`]) } : {}),
    ...(a % 5 === 0 ? { minimum: [{ cpus: 500 }], fairShareExcluded: new Set(["mem", "disk"]) } : {}),
    ...(a % 7 === 0 ? { whitelist: new Set() } : {}),
    filterGpuResources: a % 4 !== 0,
  });
}

function suppressOrRevive(cluster: Cluster, a: number, b: number): void {
  const framework = nth(cluster.state.frameworks.values(), a);
  if (framework?.connection.kind !== "connected") return;
  const roles = b % 2 === 0 ? [] : framework.spec.roles.slice(0, 1);
  cluster.do({ kind: b % 3 === 0 ? "revive" : "suppress", frameworkId: framework.id, roles });
}

function reweigh(cluster: Cluster, a: number, b: number): void {
  const weights = [
    { role: roleName(a), weightMillis: [500, 1_000, 2_500][b % 3] ?? 1_000 },
    { role: roleName(b), weightMillis: 1_000 },
  ];
  cluster.do({ kind: "update-weights", weights });
}

/** Other roles, constraints that all agents or none of them satisfy, or a least offer that not all reach. */
function updateFramework(cluster: Cluster, a: number, b: number): void {
  const framework = nth(cluster.state.frameworks.values(), a);
  if (framework?.connection.kind !== "connected") return;
  const roles = b % 3 === 0 ? [roleName(b % 4)] : [roleName(b % 3), roleName((b % 3) + 1)];
  const { minimums: _before, ...spec } = frameworkSpec({ ...framework.spec, roles });
  const minimum = [{ cpus: 2_000 }];
  const wanted: Predicate = b % 8 === 0 ? { kind: "not-exists" } : { kind: "text-matches", regex: "ho.t" };
  const constraints: RoleConstraints = [[{ selector: { kind: "hostname" }, predicate: wanted }]];
  cluster.do({
    kind: "update-framework",
    frameworkId: framework.id,
    spec: b % 4 === 0 ? { ...spec, minimums: roles.map((role) => ({ role, minimum })) } : spec,
    suppressedRoles: b % 7 === 0 ? roles.slice(0, 1) : [],
    ...(b % 2 === 0 ? { offerConstraints: roles.map((role) => ({ role, constraints })) } : {}),
  });
}

/** Some of them are refused: that is what is promised too. */
function requota(cluster: Cluster, a: number, b: number, c: number): void {
  if (c % 5 === 0) {
    cluster.try({ kind: "remove-quota", role: roleName(a) });
    return;
  }
  const limit = 500 * (b % 8);
  const guarantees = a % 3 === 0 ? [["cpus", Math.min(limit, 1_000)] as const] : [];
  const quota = { guarantees, limits: c % 7 === 0 ? [] : [["cpus", limit] as const] };
  cluster.try({ kind: "update-quotas", quotas: [{ role: roleName(a), quota }], force: b % 2 === 0 });
}

function executorExits(cluster: Cluster, a: number): void {
  const found = nth(
    [...cluster.state.frameworks.values()].flatMap((framework) =>
      [...framework.executors].flatMap(([agentId, executors]) =>
        [...executors.keys()].map((executorId) => ({ frameworkId: framework.id, agentId, executorId })),
      ),
    ),
    a,
  );
  if (found !== undefined) cluster.do({ kind: "executor-exited", ...found, waitStatus: 2304 });
}

function reconcile(cluster: Cluster, a: number, b: number): void {
  const framework = nth(cluster.state.frameworks.values(), a);
  if (framework?.connection.kind !== "connected") return;
  const operations = b % 2 === 0 ? [] : [{ operationId: "op-3", agentId: null }];
  cluster.do({ kind: "reconcile-operations", frameworkId: framework.id, operations });
  const tasks = b % 2 === 0 ? [] : [{ taskId: asId<never>(`t-${b % 30}`), agentId: null as AgentId | null }];
  cluster.do({ kind: "reconcile", frameworkId: framework.id, tasks });
}

function unregister(cluster: Cluster, a: number): void {
  const agent = nth(cluster.state.agents.values(), a);
  if (agent !== undefined) cluster.do({ kind: "unregister-agent", agentId: agent.id });
}

function teardown(cluster: Cluster, a: number): void {
  const framework = nth(cluster.state.frameworks.values(), a);
  if (framework !== undefined) cluster.do({ kind: "teardown", frameworkId: framework.id });
}
