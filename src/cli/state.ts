// `tepui state`: members, leader, agents, frameworks and tasks, as tables or JSON.
import { Command } from "commander";
import { type AgentRow, stateText } from "./agents.ts";
import { getJson, leaderApi, operatorCall, statusOfAny } from "./api-client.ts";
import { mastersSetting } from "./common-settings.ts";
import { type Setting, withSettings } from "./settings.ts";
import type { MasterStatus } from "./status.ts";
import { table } from "./table.ts";

const settings: readonly Setting[] = [
  mastersSetting,
  { flags: "--json", description: "everything as one JSON object" },
];

interface StateFlags {
  readonly master: readonly string[];
  readonly json?: boolean;
}

/** Scalars as Mesos writes them: `{"cpus": 2, "mem": 1024, "ports": "[31000-32000]"}`. */
type LegacyResources = Readonly<Record<string, number | string>>;

interface LegacyState {
  readonly slaves: readonly LegacyAgent[];
  readonly frameworks: readonly LegacyFramework[];
  readonly completed_frameworks: readonly LegacyFramework[];
}

interface LegacyAgent extends AgentRow {
  readonly resources: LegacyResources;
  readonly used_resources: LegacyResources;
  readonly offered_resources: LegacyResources;
}

interface LegacyFramework {
  readonly id: string;
  readonly name: string;
  readonly role?: string;
  readonly roles?: readonly string[];
  readonly active: boolean;
  readonly connected: boolean;
  readonly tasks: readonly LegacyTask[];
  readonly completed_tasks: readonly LegacyTask[];
}

interface LegacyTask {
  readonly id: string;
  readonly name: string;
  readonly slave_id: string;
  readonly state: string;
  readonly resources: LegacyResources;
}

export function stateCommand(): Command {
  const command = new Command("state").description("show members, leader, agents, frameworks and tasks");
  return withSettings(command, settings).action(state);
}

async function state(flags: StateFlags): Promise<void> {
  const status = await statusOfAny(flags.master);
  const members = await Promise.all(status.members.map((member) => memberStatus(member.apiAddress)));
  const leader = leadingApi(members) ?? leaderApi(status);
  const cluster = leader === null ? null : ((await getJson(`http://${leader}/state`)) as LegacyState);
  if (flags.json === true) {
    const full = leader === null ? null : await operatorCall(leader, { type: "GET_STATE" });
    const rows = memberRows(status, members);
    const { groupId } = status;
    print(JSON.stringify({ groupId, members: rows, leader: idOf(status, leader), state: full }, null, 2));
    return;
  }
  printMembers(status, members);
  if (cluster === null)
    print("\nNo leader at the moment: a majority of the masters must be up and reach each other.");
  else printCluster(cluster);
}

/** The leader's own word counts: a follower that has missed a heartbeat may know of none. */
function leadingApi(members: readonly (MasterStatus | null)[]): string | null {
  const leading = members.find((member) => member?.ready === true);
  return leading === undefined || leading === null ? null : leaderApi(leading);
}

async function memberStatus(api: string): Promise<MasterStatus | null> {
  try {
    return (await getJson(`http://${api}/tepui/v1/status`)) as MasterStatus;
  } catch {
    return null;
  }
}

function idOf(status: MasterStatus, api: string | null): string | null {
  return status.members.find(({ apiAddress }) => apiAddress === api)?.id ?? null;
}

function memberRows(status: MasterStatus, members: readonly (MasterStatus | null)[]): object[] {
  return status.members.map((member, i) => ({ ...member, status: members[i] ?? null }));
}

function printMembers(status: MasterStatus, members: readonly (MasterStatus | null)[]): void {
  const rows = status.members.map((member, i) => {
    const own = members[i];
    if (own === null || own === undefined)
      return [member.id, member.apiAddress, "does not answer", "", "", ""];
    const numbers = [own.term, own.commitIndex, own.events].map(String);
    return [member.id, member.apiAddress, member.kind === "voter" ? own.role : member.kind, ...numbers];
  });
  const group = status.groupId === null ? "" : ` of group ${status.groupId}`;
  print(`Members${group}\n${table(["ID", "API", "ROLE", "TERM", "COMMITTED", "EVENTS"], rows)}`);
  for (const member of members) printArchive(member);
}

function printArchive(member: MasterStatus | null): void {
  if (member?.archive?.kind !== "failing") return;
  const { why, sinceMs, tries } = member.archive;
  const since = new Date(sinceMs).toISOString();
  print(`The archive of ${member.self}'s log has been failing since ${since}, after ${tries} tries: ${why}`);
}

function printCluster(cluster: LegacyState): void {
  const agents = cluster.slaves.map((agent) => [
    agent.id,
    `${agent.hostname}:${agent.port}`,
    stateText(agent, Date.now()),
    ...["cpus", "mem", "disk"].map(
      (name) => `${agent.used_resources[name] ?? 0}/${agent.resources[name] ?? 0}`,
    ),
  ]);
  print(`\nAgents\n${table(["ID", "ADDRESS", "STATE", "CPUS", "MEM (MB)", "DISK (MB)"], agents)}`);
  const frameworks = [...cluster.frameworks, ...cluster.completed_frameworks];
  const rows = frameworks.map((framework) => [
    framework.id,
    framework.name,
    (framework.roles ?? [framework.role ?? "*"]).join(","),
    cluster.completed_frameworks.includes(framework)
      ? "completed"
      : framework.connected
        ? "connected"
        : "away",
    String(framework.tasks.length),
    String(framework.completed_tasks.length),
  ]);
  print(`\nFrameworks\n${table(["ID", "NAME", "ROLES", "STATE", "TASKS", "COMPLETED"], rows)}`);
  const tasks = cluster.frameworks.flatMap((framework) =>
    framework.tasks.map((task) => [task.id, framework.name, task.slave_id, task.state]),
  );
  print(`\nTasks\n${table(["ID", "FRAMEWORK", "AGENT", "STATE"], tasks)}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
