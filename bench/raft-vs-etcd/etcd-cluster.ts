// Three etcd members of Debian's package on this machine, each with its own data directory on the disk on which Tepui's
// members lie too, and with fsync on, as is etcd's default.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "../pipeline/cluster.ts";
import type { Cleanup } from "./cleanup.ts";
import type { Address } from "./grpc-puts.ts";

const MEMBERS = 3;
const PORT_STEP = 10;
const PEER_PORT_OFFSET = 1;
/** The default of 2 GB would end a long run: nothing is compacted while it lasts. */
const QUOTA_BYTES = 8 * 1024 ** 3;
const POLL_MS = 100;
const PATIENCE_MS = 20_000;

export interface EtcdCluster {
  readonly version: string;
  /** Of the leader's gRPC port. */
  readonly leader: Address;
  readonly pids: readonly number[];
  /** Runs etcdctl against the leader and resolves with what it prints. */
  ctl(words: readonly string[]): Promise<string>;
  /** Nothing is left of it. */
  remove(): Promise<void>;
}

interface Member {
  readonly name: string;
  readonly client: Address;
  readonly peerUrl: string;
}

interface EndpointStatus {
  readonly Endpoint: string;
  readonly Status: { readonly leader: number; readonly header: { readonly member_id: number } };
}

export async function startEtcd(cleanup: Cleanup): Promise<EtcdCluster> {
  const directory = await mkdtemp(join(tmpdir(), "tepui-bench-etcd-"));
  const base = await freePort();
  const members = Array.from({ length: MEMBERS }, (_, i) => memberAt(i, base));
  const children = members.map((member) => start(member, members, directory));
  const remove = cleanup.add(async () => {
    await Promise.all(children.map(end));
    await rm(directory, { recursive: true, force: true });
  });
  const leader = await findLeader(members);
  return {
    version: await versionOf(),
    leader,
    pids: children.map(({ pid }) => pid ?? 0),
    ctl: (words) => etcdctl([leader], words),
    remove,
  };
}

function memberAt(i: number, base: number): Member {
  const port = base + i * PORT_STEP;
  return {
    name: `e${i + 1}`,
    client: { host: "127.0.0.1", port },
    peerUrl: `http://127.0.0.1:${port + PEER_PORT_OFFSET}`,
  };
}

function start(
  { name, client, peerUrl }: Member,
  members: readonly Member[],
  directory: string,
): ChildProcess {
  const clientUrl = `http://${client.host}:${client.port}`;
  const words = [
    ...["--name", name, "--data-dir", join(directory, name)],
    ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
    ...["--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl],
    ...["--initial-cluster", members.map((each) => `${each.name}=${each.peerUrl}`).join(",")],
    ...["--initial-cluster-token", "bench", "--quota-backend-bytes", String(QUOTA_BYTES)],
  ];
  const child = spawn("etcd", words, { stdio: ["ignore", "pipe", "pipe"] });
  const file = createWriteStream(join(directory, `${name}.log`));
  child.stdout?.pipe(file, { end: false });
  child.stderr?.pipe(file, { end: false });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

async function findLeader(members: readonly Member[]): Promise<Address> {
  const all = members.map(({ client }) => client);
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const text = await etcdctl(all, ["endpoint", "status", "-w", "json"]).catch(() => "[]");
    const statuses = JSON.parse(text) as readonly EndpointStatus[];
    const leads = statuses.find(({ Status: { leader, header } }) => leader === header.member_id);
    const leader = all.find((each) => leads?.Endpoint.endsWith(`:${each.port}`));
    if (statuses.length === MEMBERS && leader !== undefined) return leader;
    await sleep(POLL_MS);
  }
  throw new Error(`no etcd leads after ${PATIENCE_MS} ms`);
}

async function etcdctl(endpoints: readonly Address[], words: readonly string[]): Promise<string> {
  const list = endpoints.map(({ host, port }) => `${host}:${port}`).join(",");
  const env = { ...process.env, ETCDCTL_API: "3" };
  const { stdout } = await promisify(execFile)("etcdctl", ["--endpoints", list, ...words], { env });
  return stdout;
}

async function versionOf(): Promise<string> {
  const { stdout } = await promisify(execFile)("etcd", ["--version"]);
  return /etcd Version: (\S+)/.exec(stdout)?.[1] ?? "unknown";
}
