// Random histories, told to an allocator's state and to the reference's facts at once.
import fc from "fast-check";
import {
  type AllocatorState,
  addAgent,
  addFilter,
  addFramework,
  allocateTo,
  clearFilters,
  contains,
  expireFilters,
  hold,
  type Quota,
  type Resources,
  recover,
  removeAgent,
  removeFramework,
  revive,
  setAgentActive,
  setAgentRemote,
  setFrameworkActive,
  setQuota,
  setWeight,
  sum,
  suppress,
  updateAgent,
  updateFramework,
} from "../../../src/allocator/index.ts";
import { agent, at, framework, res, role } from "./helpers.ts";
import {
  type Facts,
  giveTurn,
  groupsBelow,
  isLive,
  isShared,
  isWithin,
  line,
  liveFrameworks,
  type ReferenceQuota,
  referenceCycle,
  takeBack,
  unheld,
} from "./reference.ts";

/** In the order of their names. */
export const ROLES = ["a", "a/x", "a/x/z", "a/y", "b"] as const;
export const MINIMUM_CPUS_MILLIS = 500;

/** The meta of what is reserved to the roles one after the other. */
function reservedTo(...stack: readonly string[]): string {
  return JSON.stringify({
    name: "",
    type: "SCALAR",
    reservations: stack.map((name) => ({ type: "DYNAMIC", role: name })),
  });
}

function sharedBy(name: string): string {
  const disk = { persistence: { id: name }, volume: { mode: "RW", container_path: "v" } };
  return JSON.stringify({ ...(JSON.parse(reservedTo(name)) as object), disk, shared: {} });
}

function special(text: string, meta: string): Resources {
  return res(text).map((resource) => ({ ...resource, meta }));
}

const TO_A = reservedTo("a");
const TO_A_X = reservedTo("a/x");
const REFINED = reservedTo("a", "a/x");
const REVOCABLE = JSON.stringify({ name: "", type: "SCALAR", revocable: {} });
const SHARED_BY_A = sharedBy("a");
const SHARED_BY_A_X = sharedBy("a/x");
const TOTALS = [
  res("cpus:4;mem:64"),
  res("cpus:4;mem:64;ports:[1-9]"),
  res("cpus:2;gpus:1"),
  res("cpus:1;mem:256"),
  res("mem:5"),
  sum([special("cpus:1;mem:16", TO_A), res("mem:16")]),
  sum([res("cpus:2;mem:16"), special("cpus:2;mem:4", TO_A_X), special("cpus:1", REFINED)]),
  sum([res("cpus:1;mem:16"), special("cpus:2", REVOCABLE)]),
  sum([res("cpus:3;mem:16;disk:6"), special("disk:8", SHARED_BY_A)]),
  sum([res("cpus:2"), special("disk:8", SHARED_BY_A), special("disk:4", SHARED_BY_A_X)]),
];
const PARTS = [
  res("cpus:0.5"),
  res("cpus:1;mem:8"),
  res("ports:[2-4]"),
  res("mem:3"),
  res("gpus:1"),
  res("cpus:2"),
  special("cpus:0.5", TO_A),
  special("cpus:1", REVOCABLE),
  sum([res("cpus:0.5"), special("disk:8", SHARED_BY_A)]),
  special("disk:8", SHARED_BY_A),
];
const QUOTAS: readonly (ReferenceQuota | null)[] = [
  null,
  { guarantees: { cpus: 3_000 }, limits: {} },
  { guarantees: { cpus: 2_000, mem: 40_000 }, limits: { cpus: 4_000 } },
  { guarantees: {}, limits: { cpus: 2_500, mem: 60_000 } },
  { guarantees: { cpus: 0 }, limits: { cpus: 0 } },
  { guarantees: { mem: 70_000 }, limits: { cpus: 6_000 } },
  { guarantees: {}, limits: { disk: 12_000 } },
];

const small = fc.nat({ max: 5 });
/** Stands for all roles of a framework. */
const ALL_ROLES = 5;
const roles = fc.subarray([...ROLES]);

export type Step =
  | { readonly kind: "agent" | "framework" | "cycle" | "remove-agent" | "remove-framework" }
  | { readonly kind: "resize"; readonly n: number; readonly total: number }
  | { readonly kind: "agent-active" | "framework-active"; readonly n: number; readonly active: boolean }
  | { readonly kind: "agent-remote"; readonly n: number; readonly remote: boolean }
  | {
      readonly kind: "terms";
      readonly n: number;
      readonly roles: string[];
      readonly suppressed: string[];
      readonly gpu: boolean;
      readonly regionAware: boolean;
      readonly special: boolean;
    }
  | { readonly kind: "suppress" | "revive"; readonly n: number; readonly roles: string[] }
  | { readonly kind: "weight"; readonly role: number; readonly millis: number }
  | { readonly kind: "quota"; readonly role: number; readonly quota: number }
  | { readonly kind: "decline" | "finish"; readonly n: number; readonly refuse: number }
  | { readonly kind: "use"; readonly n: number; readonly part: number; readonly refuse: number }
  | { readonly kind: "clear"; readonly n: number; readonly role: number }
  | { readonly kind: "wait"; readonly ms: number; readonly expire: boolean };

export const arbitraryStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("cycle" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom("decline" as const, "finish" as const),
      n: fc.nat({ max: 9 }),
      refuse: fc.nat({ max: 9 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("use" as const),
      n: fc.nat({ max: 9 }),
      part: fc.nat({ max: 9 }),
      refuse: small,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("agent" as const, "framework" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.nat({ max: 6 }),
      expire: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("suppress" as const, "revive" as const), n: small, roles }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("terms" as const),
      n: small,
      roles,
      suppressed: roles,
      gpu: fc.boolean(),
      regionAware: fc.boolean(),
      special: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("agent-active" as const, "framework-active" as const),
      n: small,
      active: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("resize" as const), n: small, total: fc.nat({ max: 9 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("agent-remote" as const), n: small, remote: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("quota" as const), role: small, quota: fc.nat({ max: 6 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("weight" as const),
      role: small,
      millis: fc.constantFrom(500, 1_000, 3_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear" as const), n: small, role: small }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("remove-agent" as const, "remove-framework" as const) }),
  },
);

/** Time and the numbers given out, beside the facts. */
export interface World {
  now: number;
  nextAgent: number;
  nextFramework: number;
}

/** Applies the step to both; a step that means nothing now is passed over. */
export function apply(s: AllocatorState, facts: Facts, world: World, step: Step): void {
  const before = structuredClone(facts);
  applyToBoth(s, facts, world, step);
  catchUp(facts, before);
  forget(facts);
}

function applyToBoth(s: AllocatorState, facts: Facts, world: World, step: Step): void {
  switch (step.kind) {
    case "agent": {
      const number = world.nextAgent++;
      const total = at1(TOTALS, number * 7);
      addAgent(s, agent(number), total);
      setAgentRemote(s, agent(number), number % 4 === 2);
      facts.agents.set(number, { total, active: true, remote: number % 4 === 2 });
      return;
    }
    case "framework": {
      const number = world.nextFramework++;
      const wanted = ROLES.filter((_name, index) => (number + 1) & (1 << index));
      const capable = { gpu: number % 3 === 0, regionAware: number % 4 < 2, special: number % 2 === 1 };
      addFramework(s, framework(number), terms(wanted, [], capable));
      facts.frameworks.set(number, {
        roles: [...wanted],
        suppressed: [],
        ...capable,
        active: true,
      });
      return;
    }
    case "cycle":
      for (const offer of referenceCycle(facts, world.now, MINIMUM_CPUS_MILLIS)) {
        giveTurn(facts, offer);
        allocateTo(s, framework(offer.framework), role(offer.role), agent(offer.agent), offer.resources);
      }
      return;
    case "decline":
    case "finish":
    case "use":
      applyToHeld(s, facts, world, step);
      return;
    case "wait":
      world.now += step.ms;
      if (step.expire) expireFilters(s, at(world.now));
      facts.filters = facts.filters.filter((filter) => filter.until > world.now);
      return;
    case "weight":
      setWeight(s, role(at1(ROLES, step.role)), step.millis);
      facts.weights.set(at1(ROLES, step.role), step.millis);
      return;
    case "quota": {
      const quota = at1(QUOTAS, step.quota);
      const name = at1(ROLES, step.role);
      setQuota(s, role(name), quota === null ? null : quotaOf(quota));
      if (quota === null) facts.quotas.delete(name);
      else facts.quotas.set(name, quota);
      return;
    }
    case "resize":
    case "agent-active":
    case "agent-remote":
    case "remove-agent":
      applyToAgent(s, facts, step);
      return;
    default:
      applyToFramework(s, facts, step);
  }
}

function applyToAgent(s: AllocatorState, facts: Facts, step: Step): void {
  const number = pickKey(facts.agents, "n" in step ? step.n : 0);
  const known = number === undefined ? undefined : facts.agents.get(number);
  if (number === undefined || known === undefined) return;
  if (step.kind === "resize") {
    const isHeld = facts.held.some((one) => one.agent === number && one.resources.some(isShared));
    if (isHeld) return;
    known.total = at1(TOTALS, step.total);
    updateAgent(s, agent(number), known.total);
  } else if (step.kind === "agent-active") {
    known.active = step.active;
    setAgentActive(s, agent(number), step.active);
  } else if (step.kind === "agent-remote") {
    known.remote = step.remote;
    setAgentRemote(s, agent(number), step.remote);
  } else {
    facts.agents.delete(number);
    facts.held = facts.held.filter((one) => one.agent !== number);
    facts.filters = facts.filters.filter((one) => one.agent !== number);
    removeAgent(s, agent(number));
  }
}

function applyToFramework(s: AllocatorState, facts: Facts, step: Step): void {
  const number = pickKey(facts.frameworks, "n" in step ? step.n : 0);
  const known = number === undefined ? undefined : facts.frameworks.get(number);
  if (number === undefined || known === undefined) return;
  const id = framework(number);
  const dropFilters = (gone: readonly string[]) => {
    facts.filters = facts.filters.filter((one) => one.framework !== number || !gone.includes(one.role));
  };
  if (step.kind === "framework-active") {
    known.active = step.active;
    setFrameworkActive(s, id, step.active);
  } else if (step.kind === "terms") {
    Object.assign(known, {
      roles: step.roles,
      suppressed: step.suppressed,
      gpu: step.gpu,
      regionAware: step.regionAware,
      special: step.special,
    });
    dropFilters(ROLES.filter((name) => !step.roles.includes(name)));
    updateFramework(s, id, terms(step.roles, step.suppressed, step));
  } else if (step.kind === "suppress") {
    known.suppressed = [
      ...new Set([...known.suppressed, ...step.roles.filter((name) => known.roles.includes(name))]),
    ];
    suppress(s, id, step.roles.map(role));
  } else if (step.kind === "revive") {
    known.suppressed = known.suppressed.filter((name) => !step.roles.includes(name));
    dropFilters(step.roles);
    revive(s, id, step.roles.map(role));
  } else if (step.kind === "clear") {
    const name = step.role === ALL_ROLES ? null : at1(ROLES, step.role);
    dropFilters(name === null ? ROLES : [name]);
    clearFilters(s, id, name === null ? null : role(name));
  } else if (step.kind === "remove-framework" && facts.held.every((one) => one.framework !== number)) {
    facts.frameworks.delete(number);
    dropFilters(ROLES);
    removeFramework(s, id);
  }
}

function applyToHeld(
  s: AllocatorState,
  facts: Facts,
  world: World,
  step: Extract<Step, { kind: "decline" | "finish" | "use" }>,
): void {
  const held = facts.held[step.n % Math.max(1, facts.held.length)];
  if (held === undefined) return;
  const ids = [framework(held.framework), role(held.role), agent(held.agent)] as const;
  const mine = held.resources;
  recover(s, ...ids, mine);
  takeBack(facts, held);
  forget(facts);
  if (step.kind === "finish") return;
  if (step.kind === "use") {
    const task = at1(PARTS, step.part);
    const exclusive = task.filter((one) => !isShared(one));
    if (contains(mine, task) && contains(unheld(facts, held.agent), exclusive)) {
      facts.held.push({ ...held, resources: task });
      hold(s, ...ids, task);
    }
  }
  if (!facts.frameworks.get(held.framework)?.roles.includes(held.role)) return;
  facts.filters.push({ ...held, resources: mine, until: world.now + step.refuse });
  addFilter(s, ...ids, mine, at(world.now + step.refuse));
}

/**
 * Who begins to compete has had at least as many turns as the least of those who compete already, at every level at
 * which nobody did. Roles of one step begin or end one after the other, in the order of their names.
 */
function catchUp(facts: Facts, before: Facts): void {
  for (const name of ROLES) {
    const isLiveRole = (other: string) => liveFrameworks(other < name ? facts : before, other).length > 0;
    for (const number of facts.frameworks.keys()) {
      if (!isLive(facts, number, name) || isLive(before, number, name)) continue;
      const peers = liveFrameworks(before, name);
      const clients = peers.map((other) => `${other} ${name}`);
      raise(facts, `${number} ${name}`, clients);
      if (peers.length === 0) catchUpRole(facts, name, isLiveRole);
    }
  }
}

function catchUpRole(facts: Facts, name: string, isLiveRole: (role: string) => boolean): void {
  raise(facts, `${name}/.`, groupsBelow(isLiveRole, ROLES, name));
  for (const path of line(name)) {
    if (ROLES.some((other) => isWithin(path, other) && isLiveRole(other))) return;
    const [, parent = ""] = line(path);
    const siblings = groupsBelow(isLiveRole, ROLES, parent);
    const own = isLiveRole(parent) ? [`${parent}/.`] : [];
    raise(facts, path, [...new Set([...siblings, ...own])]);
  }
}

/** Turns are forgotten with the last trace of a framework in a role, and of a role and all below it. */
function forget(facts: Facts): void {
  for (const key of [...facts.turns.keys()]) {
    const [number, name] = key.includes(" ") ? key.split(" ") : [null, key.replace(/\/\.$/, "")];
    const isMeant = (other: number, role: string) =>
      number === null ? isWithin(name ?? "", role) : other === Number(number) && role === name;
    const subscribed = [...facts.frameworks].some(([other, { roles }]) =>
      roles.some((role) => isMeant(other, role)),
    );
    const holds = facts.held.some((one) => isMeant(one.framework, one.role));
    const kept = keptRoles(facts).some((role) => isMeant(-1, role));
    if (!subscribed && !holds && !kept) facts.turns.delete(key);
  }
  for (const name of ROLES) if (!hasBelow(facts, name)) copyTurns(facts, name, `${name}/.`);
}

/** Whether a role below is subscribed, held something in or given a weight. */
function hasBelow(facts: Facts, name: string): boolean {
  const named = [
    ...[...facts.frameworks.values()].flatMap((known) => known.roles),
    ...facts.held.map((one) => one.role),
    ...keptRoles(facts),
  ];
  return named.some((role) => role !== name && isWithin(name, role));
}

/** Roles with a weight of their own, a quota, or something reserved and free. */
function keptRoles(facts: Facts): string[] {
  const weighed = [...facts.weights].filter(([, millis]) => millis !== 1_000).map(([role]) => role);
  const reserved = ROLES.filter((role) =>
    [...facts.agents.keys()].some((agent) =>
      unheld(facts, agent).some(({ meta }) => meta.includes(`"${role}"}]`)),
    ),
  );
  return [...weighed, ...facts.quotas.keys(), ...reserved];
}

function copyTurns(facts: Facts, from: string, to: string): void {
  const known = facts.turns.get(from);
  if (known === undefined) facts.turns.delete(to);
  else facts.turns.set(to, known);
}

function raise(facts: Facts, key: string, others: readonly string[]): void {
  const least = Math.min(...others.map((other) => facts.turns.get(other) ?? 0));
  if (others.length > 0) facts.turns.set(key, Math.max(facts.turns.get(key) ?? 0, least));
}

interface Capable {
  readonly gpu: boolean;
  readonly regionAware: boolean;
  readonly special: boolean;
}

function terms(wanted: readonly string[], suppressed: readonly string[], capable: Capable) {
  const { gpu, regionAware, special } = capable;
  const capabilities = { gpu, regionAware, refined: special, revocable: special, shared: special };
  return { roles: wanted.map(role), suppressed: suppressed.map(role), capabilities };
}

function quotaOf({ guarantees, limits }: ReferenceQuota): Quota {
  return { guarantees: new Map(Object.entries(guarantees)), limits: new Map(Object.entries(limits)) };
}

function pickKey(map: ReadonlyMap<number, unknown>, n: number): number | undefined {
  return [...map.keys()][n % Math.max(1, map.size)];
}

function at1<T>(list: readonly T[], index: number): T {
  const item = list[index % list.length];
  if (item === undefined) throw new Error("an empty list");
  return item;
}
