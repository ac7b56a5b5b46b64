// One master as a process: real clock, disk and network under the loop, the HTTP api beside it.
import { randomUUID } from "node:crypto";
import { type Api, createApi } from "../api/index.ts";
import type { MemberId } from "../kernel/ids.ts";
import type { Tracer } from "../kernel/ports.ts";
import { createMaster, type FatalCause, type MasterMember } from "../master/master.ts";
import type { Master } from "../master/types.ts";
import type { Settings } from "../state/commands.ts";
import type { Policy } from "../state/policy.ts";
import { compressors } from "./compression.ts";
import { EXIT } from "./exit-codes.ts";
import { lockFolder, sayHowLocked } from "./folder-lock.ts";
import { nodeClock } from "./node-clock.ts";
import { createNodeDisk } from "./node-disk.ts";
import { nodeHash } from "./node-hash.ts";
import { nodeRandom } from "./node-random.ts";
import { raftNetwork } from "./raft-network.ts";
import { type RedisExport, startRedisExport } from "./redis-export.ts";
import { parseAddress } from "./tcp-network.ts";
import type { TlsPaths } from "./tls-files.ts";
import { packageVersion } from "./version.ts";
import { type Whitelist, watchWhitelist } from "./whitelist.ts";

export interface MasterConfig {
  readonly self: MemberId;
  /** The founders, this one among them; of a member that joins an existing cluster only its own entry is used. */
  readonly members: readonly MasterMember[];
  readonly joining: boolean;
  readonly clusterName: string;
  readonly dataDirectory: string;
  /** Address on which the api and Raft listen; their ports are those of the member. */
  readonly listenHost: string;
  /** Certificate, key and authority of Raft's connections; none for plain TCP on this machine. */
  readonly raftTls: Partial<TlsPaths>;
  /** Plain TCP also beyond this machine. */
  readonly insecureRaft: boolean;
  readonly settings: Settings;
  /** What is set about offers, but for the whitelist. */
  readonly policy: Policy;
  /** A file of hosts, or null: see whitelist.ts. */
  readonly whitelistPath?: string | null;
  readonly snapshotIntervalEntries: number;
  /** Bounds of the archive of old log segments: bytes (0 keeps none), and milliseconds. */
  readonly archive: { readonly bytesMax: number; readonly ageMsMax: number };
  /** A redis:// URL, or null. */
  readonly exportRedis: string | null;
  readonly flags: Readonly<Record<string, string>>;
  readonly tracer: Tracer;
}

export interface RunningMaster {
  stop(): Promise<void>;
}

/** @throws FolderInUse, LogDamage, or Error if a port is taken, `self` is no member, or the Raft port would be open to strangers */
export async function runMaster(config: MasterConfig): Promise<RunningMaster> {
  const own = config.members.find(({ id }) => id === config.self);
  if (own === undefined)
    throw new Error(`--id ${config.self} is not among the members: give it with --member`);
  const whitelist = await watchWhitelist(config.whitelistPath ?? null, config.tracer);
  const raft = await raftNetwork({
    self: config.self,
    raftAddress: own.raftAddress,
    listenHost: config.listenHost,
    tls: config.raftTls,
    insecure: config.insecureRaft,
    tracer: config.tracer,
  });
  const lock = await lockFolder(config.dataDirectory);
  sayHowLocked(lock, config.dataDirectory, config.tracer);
  const master = await openMaster(config, own, policySource(config.policy, whitelist), raft);
  const { host, port } = parseAddress(own.apiAddress);
  const api = apiOf(config, master, { host, port });
  master.attach(api);
  try {
    await api.listen(config.listenHost, port);
    await master.start();
  } catch (error) {
    whitelist.stop();
    await master.stop();
    await api.close();
    await lock.release();
    throw error;
  }
  const exporting = exportOf(config, master);
  config.tracer.info("master started", { id: config.self, api: own.apiAddress, raft: own.raftAddress });
  return {
    async stop() {
      whitelist.stop();
      await exporting?.close();
      await master.stop();
      await api.close();
      await lock.release();
    },
  };
}

function openMaster(
  config: MasterConfig,
  own: MasterMember,
  policy: () => Policy,
  raft: Awaited<ReturnType<typeof raftNetwork>>,
): Promise<Master> {
  return createMaster({
    self: config.self,
    members: config.joining ? [own] : config.members,
    joining: config.joining,
    clusterName: config.clusterName,
    settings: config.settings,
    policy,
    clock: nodeClock,
    random: nodeRandom(),
    network: raft.network,
    disk: createNodeDisk(config.dataDirectory),
    directory: "log",
    archive: { ...config.archive, compressor: compressors()[0], clock: nodeClock },
    raftListenAddress: raft.listenAddress,
    tracer: config.tracer,
    newHash: nodeHash,
    onFatal: endProcess,
    tuning: { snapshotIntervalEntries: config.snapshotIntervalEntries },
  });
}

/** Another object only when the file of hosts has changed. */
function policySource(flags: Policy, whitelist: Whitelist): () => Policy {
  let policy = { ...flags, whitelist: whitelist.hosts() };
  return () => {
    const hosts = whitelist.hosts();
    if (hosts !== policy.whitelist) policy = { ...flags, whitelist: hosts };
    return policy;
  };
}

function apiOf(
  config: MasterConfig,
  master: Master,
  address: { readonly host: string; readonly port: number },
): Api {
  return createApi({
    master,
    clock: nodeClock,
    random: nodeRandom(),
    tracer: config.tracer,
    advertised: {
      id: randomUUID(),
      ...address,
      version: packageVersion(),
      ...(config.settings.domain === undefined ? {} : { domain: config.settings.domain }),
    },
    memberApiAddress: (id) => master.members().find((member) => member.id === id)?.apiAddress || null,
    flags: config.flags,
  });
}

function exportOf(config: MasterConfig, master: Master): RedisExport | null {
  const { exportRedis: url, clusterName, self, tracer } = config;
  return url === null ? null : startRedisExport({ url, clusterName, self, master, tracer });
}

/** What failed may have failed in the middle of anything: nothing is closed, the log's recovery is made for that. */
function endProcess(reason: string, cause: FatalCause): void {
  process.stderr.write(`tepui: this master must stop: ${reason}\n`);
  process.exit(FATAL_EXITS[cause]);
}

const FATAL_EXITS = { disk: EXIT.diskFailed, diverged: EXIT.diverged, bug: EXIT.bug } as const;
