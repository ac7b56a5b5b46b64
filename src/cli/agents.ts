// `tepui agents`: the agents of a cluster, and taking them out of the offers: deactivated, drained, gone.
import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import {
  leaderJson,
  type OperatorFlags,
  operatorOrder,
  operatorSettings,
  patienceOf,
} from "./operator-client.ts";
import { type Setting, withSettings } from "./settings.ts";
import { table } from "./table.ts";

const LOOK = "tepui agents list";
const POLL_MS = 250;

/** What of the answer of `/state` is looked at. */
export interface AgentsState {
  readonly slaves: readonly AgentRow[];
  readonly frameworks: readonly { readonly tasks: readonly { readonly slave_id: string }[] }[];
}

export interface AgentRow {
  readonly id: string;
  readonly hostname: string;
  readonly port: number;
  readonly active: boolean;
  readonly deactivated: boolean;
  readonly drain_info?: {
    readonly state: string;
    readonly config: {
      readonly max_grace_period?: { readonly nanoseconds: number };
      readonly mark_gone?: boolean;
    };
  };
  readonly estimated_drain_start_time_seconds?: number;
}

interface DrainFlags extends OperatorFlags {
  readonly maxGrace?: number;
  readonly markGone?: boolean;
  readonly wait?: number;
}

const WHICH = "<agent>";
const WHICH_TEXT = "its id, or the name of its host if no other agent is there";

const drainSettings: readonly Setting[] = [
  ...operatorSettings,
  {
    flags: "--max-grace <seconds>",
    description: "no task gets longer than this between SIGTERM and SIGKILL, whatever it asked for",
    parse: parseSeconds,
  },
  { flags: "--mark-gone", description: "when it is drained it is gone for good: it must not come back" },
  { flags: "--wait <seconds>", description: "wait at most so long until it is drained", parse: parseSeconds },
];

export function agentsCommand(): Command {
  const command = new Command("agents").description(
    "show agents, take them out of the offers and drain them",
  );
  add(
    command,
    "list",
    "agents, whether they are offered, and how many tasks they have",
    "tepui agents list",
  ).action(list);
  add(
    command,
    "deactivate",
    "offer nothing more of an agent; what runs on it goes on",
    "tepui agents deactivate host-7",
  )
    .argument(WHICH, WHICH_TEXT)
    .action((which: string, flags: OperatorFlags) => order("DEACTIVATE_AGENT", which, {}, flags, true));
  add(
    command,
    "reactivate",
    "offer an agent again that was deactivated or has been drained",
    "tepui agents reactivate host-7",
  )
    .argument(WHICH, WHICH_TEXT)
    .action((which: string, flags: OperatorFlags) => order("REACTIVATE_AGENT", which, {}, flags, false));
  add(
    command,
    "drain",
    "offer nothing more of an agent and end its tasks, which their frameworks start elsewhere; said again, it changes " +
      "how an agent drains",
    "tepui agents drain host-7 --max-grace 60 --wait 300",
    drainSettings,
  )
    .argument(WHICH, WHICH_TEXT)
    .action(drain);
  add(
    command,
    "gone",
    "an agent will never come back: its tasks are told so, and it is shut down if it is there",
    "tepui agents gone host-7",
  )
    .argument(WHICH, WHICH_TEXT)
    .action((which: string, flags: OperatorFlags) => order("MARK_AGENT_GONE", which, {}, flags, true));
  return command;
}

function add(
  parent: Command,
  name: string,
  description: string,
  example: string,
  settings: readonly Setting[] = operatorSettings,
): Command {
  const command = parent
    .command(name)
    .description(description)
    .addHelpText("after", `\nExample:\n  ${example}\n`);
  return withSettings(command, settings);
}

/** @throws InvalidArgumentError that says what is wrong */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d{1,3})?$/.test(text) && seconds <= 1e9) return seconds;
  throw new InvalidArgumentError("seconds, with at most three decimals.");
}

async function list(flags: OperatorFlags): Promise<void> {
  const state = await agentsState(flags);
  if (flags.json === true) print(JSON.stringify(state.slaves, null, 2));
  else print(state.slaves.length === 0 ? "No agent is registered." : agentsTable(state, Date.now()));
}

/** @param now milliseconds since the epoch */
export function agentsTable({ slaves, frameworks }: AgentsState, now: number): string {
  const tasks = frameworks.flatMap((framework) => framework.tasks);
  const rows = slaves.map((agent) => [
    agent.id,
    `${agent.hostname}:${agent.port}`,
    stateText(agent, now),
    String(tasks.filter(({ slave_id }) => slave_id === agent.id).length),
  ]);
  return table(["ID", "ADDRESS", "STATE", "TASKS"], rows);
}

export function stateText(agent: AgentRow, now: number): string {
  const { drain_info: drain, estimated_drain_start_time_seconds: since = 0 } = agent;
  if (drain === undefined) return agent.deactivated ? "deactivated" : agent.active ? "active" : "away";
  const seconds = Math.max(0, Math.round(now / 1_000 - since));
  const gone = drain.config.mark_gone === true ? ", then gone" : "";
  return drain.state === "DRAINED" ? "drained" : `draining for ${seconds} s${gone}`;
}

async function drain(which: string, flags: DrainFlags): Promise<void> {
  const { maxGrace, markGone = false, wait } = flags;
  const grace = maxGrace === undefined ? {} : { max_grace_period: durationOf(maxGrace) };
  const more = { ...grace, ...(markGone ? { mark_gone: true } : {}) };
  const agentId = await carryOut("DRAIN_AGENT", which, more, flags, true);
  if (wait !== undefined) await drained(agentId, flags, performance.now() + wait * 1_000);
  await list(flags);
}

/** As google.protobuf.Duration. */
export function durationOf(seconds: number): { readonly seconds: number; readonly nanos: number } {
  const whole = Math.floor(seconds);
  return { seconds: whole, nanos: Math.round((seconds - whole) * 1_000) * 1_000_000 };
}

async function order(
  type: string,
  which: string,
  more: object,
  flags: OperatorFlags,
  repeatable: boolean,
): Promise<void> {
  await carryOut(type, which, more, flags, repeatable);
  await list(flags);
}

async function carryOut(
  type: string,
  which: string,
  more: object,
  flags: OperatorFlags,
  repeatable: boolean,
): Promise<string> {
  const id = idOf(which, await agentsState(flags));
  const call = { type, [type.toLowerCase()]: { agent_id: { value: id }, ...more } };
  await operatorOrder(call, patienceOf(flags), { repeatable, look: LOOK });
  return id;
}

/** An unknown word is taken for an id: an agent that is unreachable is in no list. @throws Error if it may mean several */
export function idOf(which: string, { slaves }: AgentsState): string {
  const named = slaves.filter(({ id, hostname }) => id === which || hostname === which);
  if (named.length < 2) return named[0]?.id ?? which;
  throw new Error(
    `${named.length} agents are at ${which}: say which by its id (${named.map(({ id }) => id).join(", ")})`,
  );
}

async function drained(agentId: string, flags: OperatorFlags, deadlineMs: number): Promise<void> {
  for (;;) {
    const agent = (await agentsState(flags)).slaves.find(({ id }) => id === agentId);
    if (agent === undefined || agent.drain_info?.state === "DRAINED") return;
    if (performance.now() > deadlineMs) {
      throw new Error(
        `agent ${agentId} is not drained in time; look with ${LOOK}, wait on with tepui agents drain`,
      );
    }
    await sleep(POLL_MS);
  }
}

async function agentsState(flags: OperatorFlags): Promise<AgentsState> {
  return (await leaderJson("/state", patienceOf(flags))) as AgentsState;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
