// A cluster of real processes on a network of its own: three masters, two agents, clients and a job, each host in its
// own namespace. It starts, watches and stops them; what goes wrong is in faults.ts, what must hold in checks.ts.
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, TEPUI_COMMAND } from "../support/cluster.ts";
import { tepui } from "../support/tepui.ts";
import type { ClientPlan, ClientReport } from "./client-report.ts";
import { run } from "./commands.ts";
import { ext4Disk, type FreezableDisk, type LabDisk, memoryDisk } from "./disks.ts";
import type { JobPlan, JobReport } from "./job-report.ts";
import { labName } from "./leftovers.ts";
import { Member } from "./member.ts";
import { createNetwork, type LabNetwork } from "./network.ts";
import type { AnswerToQuestion, Question } from "./observer.ts";
import type { Permits } from "./permits.ts";

export const MASTERS = ["m1", "m2", "m3"];
const AGENTS = ["a1", "a2"];
const CLIENTS = ["c1", "c2", "c3"];
const REGISTERS = ["register-1", "register-2", "register-3"];
/** Its disk is in memory and can be filled; those of the others can be frozen. */
export const MEMBER_WITH_SMALL_DISK = "m1";
const SMALL_DISK_MEGABYTES = 48;
const DISK_MEGABYTES = 512;
/** Often, so that members that were away are sent snapshots too. */
const SNAPSHOT_INTERVAL_ENTRIES = 400;
const API_PORT = 5050;
const AGENT_PORT = 5051;
const RAFT_PORT = 5052;
/** For whatever has to happen in the end; generous, because the machine may be busy. Milliseconds. */
export const PATIENCE_MS = 60_000;

export interface MasterStatus {
  readonly self: string;
  readonly term: number;
  readonly ready: boolean;
  readonly appliedIndex: number;
}

export interface Lab {
  readonly folder: string;
  readonly network: LabNetwork;
  readonly masters: readonly Member[];
  readonly agents: readonly Member[];
  disk(host: string): LabDisk | FreezableDisk | null;
  /** Null if it does not answer. */
  status(host: string): Promise<MasterStatus | null>;
  /** What a `tepui` command prints that is run inside the network, with the masters' addresses. @throws Error if it fails */
  tepui(words: readonly string[]): Promise<string>;
  /** Waits until all agents are registered with the leader. */
  agentsRegistered(): Promise<void>;
  /** Waits until a master leads that is none of these. */
  leaderOtherThan(hosts: readonly string[]): Promise<Member>;
  /** Waits until a master leads and all have what it had then. */
  allCaughtUp(): Promise<void>;
  /** Operations that clients have had answers to. */
  answered(): number;
  /** Waits until clients have had so many more. */
  goesOn(answers: number): Promise<void>;
  /** Stops clients and job; gives what they tell. */
  finish(): Promise<{ readonly clients: readonly EndOfClient[]; readonly job: JobReport }>;
  /** Members end in order; logs stay. */
  stop(): Promise<void>;
}

type EndOfClient = Extract<ClientReport, { readonly kind: "end" }>;

/** Resolves when the cluster is up and clients and job are at work. What it leaves is removed by leftovers.ts. */
export async function startLab(seed: number, permits: Permits): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), `${labName()}-`));
  const hosts = [...MASTERS, ...AGENTS, ...CLIENTS, "job", "eye"];
  const network = await createNetwork(labName(), hosts);
  const disks = await createDisks(folder, permits);
  const member = (host: string, words: readonly string[]) =>
    new Member({ host, words: [...network.inside(host), ...words], log: join(folder, `${host}.log`) });
  const apis = MASTERS.map((host) => `${network.address(host)}:${API_PORT}`);
  const flags = await masterFlags();
  const masters = MASTERS.map((host) => member(host, masterWords(network, folder, host, flags)));
  const agents = AGENTS.map((host) => member(host, agentWords(network, folder, host, apis)));
  const observer = observing(member("eye", script("observer.ts", null)));
  const ledger = join(folder, "ledger");
  await mkdir(ledger);
  const job = member("job", script("job.ts", { masters: apis, ledger } satisfies JobPlan));
  const clients = CLIENTS.map((host, i) => {
    const plan: ClientPlan = {
      name: host,
      seed: seed * CLIENTS.length + i,
      masters: apis,
      registers: REGISTERS,
    };
    return member(host, script("client.ts", plan));
  });
  const progress = new Map<string, number>();
  for (const client of clients) {
    client.onMessage((message) => {
      const report = message as ClientReport;
      if (report.kind === "progress") progress.set(client.host, report.answered);
    });
  }
  const answered = () => [...progress.values()].reduce((sum, count) => sum + count, 0);
  const status = async (host: string) =>
    (await observer(`http://${network.address(host)}:${API_PORT}/tepui/v1/status`)) as MasterStatus | null;

  const lab: Lab = {
    folder,
    network,
    masters,
    agents,
    disk: (host) => disks.get(host) ?? null,
    status,
    tepui: (words) => {
      const [program = "", ...rest] = [...network.inside("eye"), ...TEPUI_COMMAND, ...words];
      return run(program, [...rest, "--master", apis.join(",")]);
    },
    async agentsRegistered() {
      await eventually(
        "all agents to be registered with the leader",
        async () => {
          const [leader] = await leaders(status);
          if (leader === undefined) return false;
          const shown = await observer(`http://${network.address(leader.self)}:${API_PORT}/state`);
          const { slaves } = (shown ?? { slaves: [] }) as { readonly slaves: { readonly active: boolean }[] };
          return slaves.filter(({ active }) => active).length === AGENTS.length;
        },
        PATIENCE_MS,
      );
    },
    leaderOtherThan: (others) =>
      eventually(
        `a leader that is none of [${others.join(", ")}]`,
        async () => {
          const leader = (await leaders(status)).find(({ self }) => !others.includes(self));
          return masters.find(({ host }) => host === leader?.self);
        },
        PATIENCE_MS,
      ),
    allCaughtUp: () => allCaughtUp(status),
    answered,
    async goesOn(answers) {
      const wanted = answered() + answers;
      await eventually(
        `${answers} more answers`,
        () => answered() >= wanted,
        PATIENCE_MS,
        () => `: ${answered()}`,
      );
    },
    async finish() {
      const ends = clients.map((client) => endOf<EndOfClient>(client, isEnd));
      const end = endOf<JobReport>(job, () => true);
      return { clients: await Promise.all(ends), job: await end };
    },
    async stop() {
      await Promise.all(agents.map((each) => each.end("SIGUSR1")));
      await Promise.all(masters.map((each) => each.end("SIGTERM")));
    },
  };
  for (const each of [...masters, ...agents]) each.start();
  await lab.leaderOtherThan([]);
  for (const each of [job, ...clients]) each.start();
  await lab.goesOn(10);
  return lab;
}

function isEnd(message: unknown): boolean {
  return (message as ClientReport).kind === "end";
}

async function createDisks(folder: string, permits: Permits): Promise<Map<string, LabDisk | FreezableDisk>> {
  const disks = new Map<string, LabDisk | FreezableDisk>();
  for (const host of MASTERS) {
    const path = join(folder, host);
    const small = host === MEMBER_WITH_SMALL_DISK;
    if (small && permits.fullDisk === null) disks.set(host, await memoryDisk(path, SMALL_DISK_MEGABYTES));
    if (!small && permits.hangingDisk === null) disks.set(host, await ext4Disk(path, DISK_MEGABYTES));
  }
  return disks;
}

/** Without TLS a master listens beyond this machine only when it is told to. */
async function masterFlags(): Promise<readonly string[]> {
  const help = await tepui(["master", "--help"]);
  const insecure = help.stdout.includes("--insecure-raft") ? ["--insecure-raft"] : [];
  return ["--snapshot-interval", String(SNAPSHOT_INTERVAL_ENTRIES), "--log-level", "debug", ...insecure];
}

function masterWords(
  network: LabNetwork,
  folder: string,
  self: string,
  flags: readonly string[],
): readonly string[] {
  const members = MASTERS.map((host) => {
    const address = network.address(host);
    return `${host}=${address}:${RAFT_PORT},${address}:${API_PORT}`;
  });
  return [
    ...[...TEPUI_COMMAND, "master", "--id", self, "--member", members.join(";")],
    ...["--data-dir", dataFolder(folder, self), "--listen", network.address(self), ...flags],
  ];
}

/** Where a master keeps its log. */
export function dataFolder(folder: string, host: string): string {
  return join(folder, host, "data");
}

function agentWords(
  network: LabNetwork,
  folder: string,
  host: string,
  masters: readonly string[],
): readonly string[] {
  return [
    ...[...TEPUI_COMMAND, "agent", "--master", masters.join(","), "--listen", network.address(host)],
    ...["--port", String(AGENT_PORT), "--work-dir", join(folder, host), "--runtime", "process"],
    ...["--resources", "cpus:4;mem:1024;disk:1024;ports:[31000-32000]", "--log-level", "debug"],
  ];
}

function script(name: string, plan: object | null): readonly string[] {
  const [node = "", ...flags] = TEPUI_COMMAND.slice(0, -1);
  return [node, ...flags, join(import.meta.dirname, name), ...(plan === null ? [] : [JSON.stringify(plan)])];
}

/** Asks over HTTP from inside the network. Null when there was no answer. */
function observing(eye: Member): (url: string) => Promise<unknown> {
  const waiting = new Map<number, (body: unknown) => void>();
  let asked = 0;
  eye.onMessage((message) => {
    const { number, body } = message as AnswerToQuestion;
    waiting.get(number)?.(body);
    waiting.delete(number);
  });
  eye.start();
  return (url) =>
    new Promise((resolve) => {
      const question: Question = { number: asked++, url };
      waiting.set(question.number, resolve);
      eye.send(question);
    });
}

/** Those that say they lead, the newest first: one that is cut off may still believe it. */
async function leaders(
  status: (host: string) => Promise<MasterStatus | null>,
): Promise<readonly MasterStatus[]> {
  const all = (await Promise.all(MASTERS.map(status))).filter((each) => each !== null);
  return all.filter(({ ready }) => ready).sort((a, b) => b.term - a.term);
}

async function allCaughtUp(status: (host: string) => Promise<MasterStatus | null>): Promise<void> {
  const goal = await eventually(
    "a leader",
    async () => {
      const [leader] = await leaders(status);
      return leader?.appliedIndex;
    },
    PATIENCE_MS,
  );
  let last: readonly (MasterStatus | null)[] = [];
  await eventually(
    `all masters to have entry ${goal}`,
    async () => {
      last = await Promise.all(MASTERS.map(status));
      return last.every((each) => each !== null && each.appliedIndex >= goal);
    },
    PATIENCE_MS,
    () => JSON.stringify(last),
  );
}

/** Tells a program to end and waits for what it tells then. */
async function endOf<Report>(member: Member, isReport: (message: unknown) => boolean): Promise<Report> {
  let report: unknown;
  member.onMessage((message) => {
    if (isReport(message)) report = message;
  });
  member.send({ kind: "stop" });
  await member.untilEnd(2 * PATIENCE_MS);
  if (report === undefined) throw new Error(`${member.host} told nothing:\n${await member.output()}`);
  return report as Report;
}
