// A client of the lab as a process of its own: asks masters at random for reads and writes, tells the process that
// started it what it saw, and ends when that says so. Registers are frameworks that all clients subscribe in turn, the
// value being a label; flags are frameworks that come and go.
import { setTimeout as sleep } from "node:timers/promises";
import { History } from "../../simulations/history.ts";
import { between, chance, pick, seededRandom } from "../../src/kernel/random.ts";
import {
  type ClientPlan,
  type ClientReport,
  FLAG_PREFIX,
  FLAGS_KEY,
  type FlagHistory,
  type RegisterHistory,
} from "./client-report.ts";
import { callOnce, subscribeOnce, type Told } from "./operations.ts";

/** Each does one operation after the other, with a name of its own. */
const WORKERS = 3;
/** Between two operations of a worker. Milliseconds. */
const PAUSE_MS = 40;
/** Makes entries big enough to matter to a full disk. Characters. */
const PADDING = "x".repeat(3_000);
/** With more flags than this none is added. */
const FLAGS_MAX = 12;
/** A call is sent to so many masters in turn as long as none of them can have carried it out. */
const ATTEMPTS_MAX = 3;
const PROGRESS_EVERY = 5;
const LAST_READS_MAX = 20;
const LAST_READ_PAUSE_MS = 200;

interface ListedFramework {
  readonly framework_info: {
    readonly id: { readonly value: string };
    readonly name: string;
    readonly labels?: { readonly labels?: readonly { readonly key: string; readonly value?: string }[] };
  };
}

const plan = JSON.parse(process.argv[2] ?? "") as ClientPlan;
const random = seededRandom(plan.seed);
const registers: RegisterHistory = new History(machineMicros);
const flags: FlagHistory = new History(machineMicros);
const problems: string[] = [];
/** Ids of the flags that were last seen, by name. */
let seen = new Map<string, string>();
let made = 0;
let answered = 0;
let stopped = false;

process.on("message", () => {
  stopped = true;
});
process.on("disconnect", () => process.exit(1));

await Promise.all(Array.from({ length: WORKERS }, (_, i) => work(`${plan.name}.${i + 1}`)));
// What came of everything is part of what was seen.
for (let attempt = 0; attempt < LAST_READS_MAX && !(await read(plan.name)); attempt++)
  await sleep(LAST_READ_PAUSE_MS);
const report: ClientReport = {
  kind: "end",
  registers: registers.operations(),
  flags: flags.operations(),
  problems,
};
process.send?.(report, () => process.exit(0));

async function work(worker: string): Promise<void> {
  for (let told = 0; !stopped; await sleep(PAUSE_MS)) {
    const kind = between(random, 1, 10);
    if (kind <= 4) await read(worker);
    else if (kind <= 8) await writeRegister(worker);
    else if (kind === 9 && seen.size < FLAGS_MAX) await setFlag(worker);
    else await clearFlag(worker);
    if (answered < told + PROGRESS_EVERY) continue;
    told = answered;
    send({ kind: "progress", answered });
  }
}

function send(message: ClientReport): void {
  process.send?.(message);
}

/** Of this machine since its start, the same for all processes. Microseconds. */
function machineMicros(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** Whether it was answered. */
async function read(worker: string): Promise<boolean> {
  const asked = plan.registers.map((id) => ({ id, call: registers.call(worker, id, { kind: "read" }) }));
  const list = flags.call(worker, FLAGS_KEY, { kind: "list" });
  const told = await tryMasters((master) => callOnce(master, "/api/v1", { type: "GET_FRAMEWORKS" }));
  if (told.kind !== "answered") {
    // It changed nothing and told nothing.
    for (const { call } of asked) call.refused();
    list.refused();
    return false;
  }
  const listed = frameworksOf(told.body);
  for (const { id, call } of asked) {
    call.answered(registerValue(listed.find(({ framework_info }) => framework_info.id.value === id)));
  }
  const names = listed.map(({ framework_info: { id, name } }) => [name, id.value] as const);
  seen = new Map(names.filter(([name]) => name.startsWith(FLAG_PREFIX)));
  list.answered([...seen.keys()]);
  return true;
}

async function writeRegister(worker: string): Promise<void> {
  const id = pick(random, plan.registers);
  const value = `${worker}-${++made}`;
  const call = registers.call(worker, id, { kind: "write", value });
  const told = await tryMasters((master) => subscribeOnce(master, subscription(id, `register`, value)));
  if (told.kind === "answered") call.answered(null);
  if (told.kind === "refused") call.refused();
  if (told.kind === "wrong") problems.push(`subscribing ${id}: ${told.text}`);
}

async function setFlag(worker: string): Promise<void> {
  const flag = `${FLAG_PREFIX}${worker}-${++made}`;
  const call = flags.call(worker, FLAGS_KEY, { kind: "set", flag });
  const told = await tryMasters((master) => subscribeOnce(master, subscription(undefined, flag, flag)));
  if (told.kind === "refused") call.refused();
  if (told.kind === "wrong") problems.push(`subscribing ${flag}: ${told.text}`);
  if (told.kind !== "answered") return;
  call.answered(null);
  const event = told.body as { readonly subscribed: { readonly framework_id: { readonly value: string } } };
  seen.set(flag, event.subscribed.framework_id.value);
}

/** A master that finds no such framework has told something as well. */
async function clearFlag(worker: string): Promise<void> {
  const [flag, id] = seen.size === 0 ? [] : pick(random, [...seen]);
  if (flag === undefined) return;
  const call = flags.call(worker, FLAGS_KEY, { kind: "clear", flag });
  const asked = flags.call(worker, FLAGS_KEY, { kind: "has", flag });
  const teardown = { type: "TEARDOWN", teardown: { framework_id: { value: id } } };
  const told = await tryMasters((master) => callOnce(master, "/api/v1", teardown));
  if (told.kind === "answered") call.answered(null);
  if (told.kind === "answered" || told.kind === "wrong") seen.delete(flag);
  if (told.kind === "wrong") asked.answered([]);
  else asked.refused();
  if (told.kind === "wrong" || told.kind === "refused") call.refused();
}

/** Any master first, deposed ones among them; then the one that it names, or another. */
async function tryMasters(ask: (master: string) => Promise<Told>): Promise<Told> {
  let master = pick(random, plan.masters);
  for (let attempt = 1; ; attempt++) {
    const told = await ask(master);
    if (told.kind === "answered") answered++;
    if (told.kind !== "refused" || attempt === ATTEMPTS_MAX) return told;
    master = told.redirect !== null && chance(random, 0.8) ? told.redirect : pick(random, plan.masters);
  }
}

/** Takes no offers, and is kept when its stream ends. */
function subscription(id: string | undefined, name: string, value: string): object {
  const named = id === undefined ? {} : { id: { value: id } };
  const labels = [
    { key: "value", value },
    { key: "padding", value: PADDING },
  ];
  const framework_info = {
    ...{ user: "root", name, roles: ["lab"], failover_timeout: 100_000, labels: { labels } },
    ...{ capabilities: [{ type: "MULTI_ROLE" }], ...named },
  };
  return {
    type: "SUBSCRIBE",
    subscribe: { framework_info, suppressed_roles: ["lab"] },
    ...(id === undefined ? {} : { framework_id: { value: id } }),
  };
}

function frameworksOf(body: unknown): readonly ListedFramework[] {
  const { get_frameworks } = body as { readonly get_frameworks: { readonly frameworks?: ListedFramework[] } };
  return get_frameworks.frameworks ?? [];
}

/** Null before anybody has subscribed it. */
function registerValue(framework: ListedFramework | undefined): string | null {
  return framework?.framework_info.labels?.labels?.find(({ key }) => key === "value")?.value ?? null;
}
