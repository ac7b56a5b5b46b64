// `tepui master`: one master of a cluster.
import { Command } from "commander";
import { readDomain } from "../host/domain.ts";
import { parseInitialWeights } from "../host/initial-weights.ts";
import { createTracer, type LogLevel } from "../host/pino-tracer.ts";
import { runMaster } from "../host/run-master.ts";
import { parseAddress } from "../host/tcp-network.ts";
import type { TlsPaths } from "../host/tls-files.ts";
import { applyV8Settings } from "../host/v8-settings.ts";
import { asId, type MemberId } from "../kernel/ids.ts";
import { domainSetting, logSettings } from "./common-settings.ts";
import { type OfferFlags, offerSettings, policyOfFlags } from "./offer-settings.ts";
import { type Setting, wholeNumber, withSettings } from "./settings.ts";
import { untilStopped } from "./stopping.ts";

const SECONDS_MAX = 10_000_000;

const settings: readonly Setting[] = [
  { flags: "--id <name>", description: "this master's name among the members", default: "m1" },
  {
    flags: "--member <name=raft,api>",
    description:
      "a member of the cluster: its name, and the host:port at which the others reach its Raft port and its API; " +
      "repeat for each, the same on every master (semicolons in one value also part them)",
    default: ["m1=127.0.0.1:5052,127.0.0.1:5050"],
    defaultText: "m1=127.0.0.1:5052,127.0.0.1:5050",
    separator: ";",
  },
  {
    flags: "--cluster <name>",
    description: "name of the cluster; members of others are refused",
    default: "tepui",
  },
  {
    flags: "--data-dir <path>",
    description: "folder of the log; kept between starts",
    default: "tepui-master",
  },
  {
    flags: "--listen <host>",
    description: "address on which API and Raft listen; 127.0.0.1 keeps them on this machine",
    default: "127.0.0.1",
  },
  {
    flags: "--raft-cert <file>",
    description:
      "certificate of this master for Raft's connections, PEM; its common name or one of its DNS names is the master's name",
  },
  { flags: "--raft-key <file>", description: "key of that certificate, PEM" },
  {
    flags: "--raft-ca <file>",
    description: "certificate of the authority that signs the masters' certificates and nobody else's, PEM",
  },
  {
    flags: "--insecure-raft",
    description:
      "Raft without certificates also beyond this machine: whoever reaches the port can pass for a member",
  },
  {
    flags: "--join",
    description:
      "wait to be added to an existing cluster (tepui members add) instead of founding one; of --member only this " +
      "master's own is used",
  },
  {
    flags: "--agent-reconnect-timeout <seconds>",
    description: "an agent that has been away for so long is unreachable; seconds",
    default: 75,
    parse: wholeNumber(1, SECONDS_MAX),
  },
  {
    flags: "--framework-reconnect-timeout <seconds>",
    description: "after a change of leader every framework has at least so long to come back; seconds",
    default: 600,
    parse: wholeNumber(1, SECONDS_MAX),
  },
  ...offerSettings,
  domainSetting,
  {
    flags: "--require-agent-domain",
    description:
      "agents without a domain are not admitted; without this they count as in the masters' region",
  },
  {
    flags: "--weights <role=weight>",
    description:
      "weights of roles that the cluster begins with, such as dev=2.5,web=1; a weight that was ever set by the " +
      "API wins over all of them",
    separator: ",",
  },
  {
    flags: "--snapshot-interval <entries>",
    description: "log entries between two snapshots; the same on every master",
    default: 20_000,
    parse: wholeNumber(10, 100_000_000),
  },
  {
    flags: "--log-archive-bytes <bytes>",
    description:
      "compressed log segments (and snapshots to replay them from) are kept up to this size; bytes, 0 keeps none",
    default: 4 * 1024 ** 3,
    defaultText: "4294967296, which is 4 GiB",
    parse: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  },
  {
    flags: "--log-archive-age <seconds>",
    description: "and for this long; seconds",
    default: 365 * 86_400,
    defaultText: "31536000, which is a year",
    parse: wholeNumber(0, 1_000_000_000),
  },
  {
    flags: "--export-redis <url>",
    description:
      "also write every committed event to the Redis stream tepui:<cluster>:events at this redis:// URL",
  },
  ...logSettings,
];

interface MasterFlags extends OfferFlags {
  readonly id: string;
  readonly member: readonly string[];
  readonly cluster: string;
  readonly dataDir: string;
  readonly listen: string;
  readonly raftCert?: string;
  readonly raftKey?: string;
  readonly raftCa?: string;
  readonly insecureRaft?: boolean;
  readonly join?: boolean;
  readonly agentReconnectTimeout: number;
  readonly frameworkReconnectTimeout: number;
  readonly domain?: string;
  readonly requireAgentDomain?: boolean;
  readonly weights?: readonly string[];
  readonly snapshotInterval: number;
  readonly logArchiveBytes: number;
  readonly logArchiveAge: number;
  readonly exportRedis?: string;
  readonly logLevel: LogLevel;
  readonly logFormat: string;
}

export function masterCommand(): Command {
  const command = new Command("master").description("run one master of a cluster in the foreground");
  return withSettings(command, settings).action(run);
}

async function run(flags: MasterFlags): Promise<void> {
  const stopAsked = untilStopped();
  const tracer = createTracer({
    level: flags.logLevel,
    name: `master ${flags.id}`,
    pretty: flags.logFormat === "text",
  });
  tracer.info("v8 settings", { flags: applyV8Settings().join(" ") });
  const master = await runMaster({
    self: asId<MemberId>(flags.id),
    members: parseMembers(flags.member),
    joining: flags.join === true,
    clusterName: flags.cluster,
    dataDirectory: flags.dataDir,
    listenHost: flags.listen,
    raftTls: tlsPaths(flags),
    insecureRaft: flags.insecureRaft === true,
    settings: {
      agentReconnectMs: flags.agentReconnectTimeout * 1000,
      frameworkReconnectMs: flags.frameworkReconnectTimeout * 1000,
      initialWeights: parseInitialWeights(flags.weights ?? []),
      ...(flags.domain === undefined ? {} : { domain: readDomain(flags.domain) }),
      requireAgentDomain: flags.requireAgentDomain === true,
    },
    policy: policyOfFlags(flags),
    whitelistPath: flags.whitelist ?? null,
    snapshotIntervalEntries: flags.snapshotInterval,
    archive: { bytesMax: flags.logArchiveBytes, ageMsMax: flags.logArchiveAge * 1000 },
    exportRedis: flags.exportRedis ?? null,
    flags: shown(flags),
    tracer,
  });
  await stopAsked;
  await master.stop();
  // The channel to whoever started us would keep the process alive.
  process.exit();
}

function tlsPaths({ raftCert, raftKey, raftCa }: MasterFlags): Partial<TlsPaths> {
  return {
    ...(raftCert === undefined ? {} : { cert: raftCert }),
    ...(raftKey === undefined ? {} : { key: raftKey }),
    ...(raftCa === undefined ? {} : { ca: raftCa }),
  };
}

/** For everybody who may ask the api: without the user and password that a URL may hold. */
export function shown(flags: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [
      name,
      String(value).replace(/^(\w+:\/\/)[^/]*@/, "$1***@"),
    ]),
  );
}

/** @throws Error that names what is wrong, an id that is there twice among it */
export function parseMembers(
  parts: readonly string[],
): readonly { id: MemberId; raftAddress: string; apiAddress: string }[] {
  const members = parts.map((part) => {
    const match = /^([^=,;]+)=([^,]+),([^,]+)$/.exec(part.trim());
    const [, name, raftAddress, apiAddress] = match ?? [];
    if (name === undefined || raftAddress === undefined || apiAddress === undefined) {
      throw new Error(`--member "${part}" is not of the form name=host:raft-port,host:api-port`);
    }
    parseAddress(raftAddress);
    parseAddress(apiAddress);
    return { id: asId<MemberId>(name), raftAddress, apiAddress };
  });
  const twice = members.find(({ id }, i) => members.findIndex((other) => other.id === id) < i);
  if (twice !== undefined) throw new Error(`--member ${twice.id} is there twice`);
  return members;
}
