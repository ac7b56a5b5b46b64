// Recorded exchanges about agents that operators take out of the offers, drain and give up, and about maintenance of
// machines: each series brings the cluster from one recorded moment to the next.
import { answerDifferences, eventDifferences } from "./compare.ts";
import { type Differences, send, withFramework } from "./exchanges.ts";
import { type Ids, type Json, type Recording, recordingOf } from "./recordings.ts";
import { shapeDifferences } from "./shape.ts";
import { ask, registeredAgent, type Target, type TestFramework } from "./target.ts";

/** Between two looks at an agent that drains. */
const POLL_MS = 50;
const POLLS_MAX = 200;

/** What the recorded agent had and ours has not; and what its task holds, which may have ended a moment before. */
const OF_THE_AGENT_ITSELF =
  /\.(agent_info|(total|allocated|used)_resources|domain|(un)?reserved_resources|resources|attributes)\b/;

/** Run on the agent when the step comes; the framework acknowledges an update when it is read. */
const TASKS: ReadonlyMap<string, string> = new Map([
  ["operator/drain-agent", "t-drained"],
  ["operator/mark-agent-gone", "t-gone"],
]);

export async function dutyExchanges(
  target: Target,
  names: readonly string[],
): Promise<ReadonlyMap<string, Differences>> {
  const found = await withFramework(target, "scheduler/subscribe-rich-agent", async (framework) => {
    const each = new Map<string, Differences>();
    for (const name of names) each.set(name, await step(target, framework, name));
    return each;
  });
  await target.startAgent();
  return found;
}

async function step(target: Target, framework: TestFramework, name: string): Promise<Differences> {
  const recording = recordingOf(name);
  const ids = framework.ids();
  const taskId = TASKS.get(name);
  if (taskId !== undefined) {
    await framework.launch(taskId, "while true; do sleep 1; done");
    await framework.nextStatus("TASK_RUNNING");
  }
  if (/(deactivate|drain)-agent$/.test(name)) await framework.offered();
  if (name === "operator/get-agents-drained") await untilDrained(target, framework);
  const answer = await send(target, recording, ids);
  const differences = answerDifferences(recording, answer, ids).filter(
    (line) => !OF_THE_AGENT_ITSELF.test(line) && !/\.frameworks/.test(line),
  );
  const info = drainInfoIn(answer.text);
  const recorded = drainInfoIn(JSON.stringify(recording.response.body ?? {}));
  const said = info === recorded ? [] : [`drain_info: ${info} instead of ${recorded}`];
  return [...differences, ...said, ...(await eventsOf(framework, recording, ids))];
}

/** The words in which a list says how an agent drains. */
function drainInfoIn(text: string): string | undefined {
  return /"drain_info":\{[^}]*\{[^}]*\}[^}]*\}[^}]*\}/.exec(text)?.[0];
}

async function eventsOf(framework: TestFramework, recording: Recording, ids: Ids): Promise<Differences> {
  const events = [...(recording.scheduler_stream_events ?? []), ...(recording.stream_events ?? [])];
  const differences: string[] = [];
  for (const event of events) {
    const ours = await framework.nextOf(event.type);
    if (event.type === "OFFERS") continue;
    differences.push(...eventDifferences(event, ours, ids));
  }
  return differences;
}

async function untilDrained(target: Target, framework: TestFramework): Promise<void> {
  await framework.nextStatus("TASK_KILLED");
  for (let i = 0; i < POLLS_MAX; i++) {
    const { text } = await send(target, recordingOf("operator/get-agents"), framework.ids());
    if (text.includes('"DRAINED"')) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error("the agent does not come to its end of draining");
}

/** The schedule is compared word by word: it is given back as it was posted. */
export async function maintenanceExchanges(
  target: Target,
  names: readonly string[],
): Promise<ReadonlyMap<string, Differences>> {
  const machine = await machineOfAgent(target);
  return withFramework(target, undefined, async (framework) => {
    const found = new Map<string, Differences>();
    await framework.nextOf("OFFERS");
    let asked: string | undefined;
    for (const name of names) {
      const recording = onMachine(recordingOf(name), machine);

      const ids = name.includes("inverse-offers") ? { ...framework.ids(), offer: asked } : framework.ids();
      const answer = await send(target, recording, ids);
      const differences = [...answerDifferences(recording, answer, framework.ids())];
      const { body } = recording.response;
      if (name.includes("schedule-set") && inOrder(body) !== inOrder(JSON.parse(answer.text))) {
        differences.push(`body: ${answer.text}`);
      }
      if (/update-maintenance-schedule(-clear)?$/.test(name)) {
        differences.push(...(await offersAgain(framework, recording)));
      }
      const inverse = inverseOffersIn(recording);
      if (inverse !== undefined) {
        const ours = await framework.nextOf("INVERSE_OFFERS");
        asked = ours.inverse_offers.inverse_offers[0].id.value;
        differences.push(...shapeDifferences(inverse, ours));
      }
      found.set(name, differences);
    }
    return found;
  });
}

interface MachineName {
  readonly hostname: string;
  readonly ip: string;
}

/** As the agent of the target says it. */
async function machineOfAgent(target: Target): Promise<MachineName> {
  const id = await registeredAgent(target.port);
  const { text } = await ask(target.port, { method: "GET", path: "/state", headers: {} });
  const agent = JSON.parse(text).slaves.find((each: Json) => each.id === id);
  return { hostname: agent.hostname, ip: agent.pid.replace(/^.*@/, "").replace(/:\d+$/, "") };
}

/** The recorded agent's machine is that of ours, also in texts. */
function onMachine(recording: Recording, { hostname, ip }: MachineName): Recording {
  const plain = (name: string, address: string) => `"hostname":"${name}","ip":"${address}"`;
  const inText = (name: string, address: string) => plain(name, address).replaceAll('"', '\\"');
  const text = JSON.stringify(recording)
    .replaceAll(plain("127.0.0.1", "127.0.0.1"), plain(hostname, ip))
    .replaceAll(inText("127.0.0.1", "127.0.0.1"), inText(hostname, ip));
  return JSON.parse(text) as Recording;
}

/** The framework is asked at once, and again when the second that it has refused for is over. */
function inverseOffersIn({ scheduler_stream_events, stream_events }: Recording): Json | undefined {
  return [...(scheduler_stream_events ?? []), ...(stream_events ?? [])].find(
    ({ type }) => type === "INVERSE_OFFERS",
  );
}

/** What is outstanding is rescinded and offered again; when that was recorded first, nothing was outstanding. */
async function offersAgain(framework: TestFramework, recording: Recording): Promise<Differences> {
  const events = recording.scheduler_stream_events ?? [];
  await framework.nextOf("RESCIND");
  const recorded = events.find(({ type }) => type === "OFFERS");
  return shapeDifferences(recorded, await framework.nextOf("OFFERS"));
}

/** Whatever the order of the fields. */
function inOrder(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(inOrder).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.keys(value).sort();
  return `{${fields.map((name) => `${name}:${inOrder(value[name])}`).join(",")}}`;
}
