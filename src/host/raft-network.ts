// How a master reaches the others: TLS if it has a certificate; else plain TCP, on this machine only unless the operator
// says that nobody else can reach the port.
import type { Network, Tracer } from "../kernel/ports.ts";
import { joinAddress, parseAddress, tcpNetwork } from "./tcp-network.ts";
import { readTlsFiles, type TlsPaths } from "./tls-files.ts";
import { createTlsNetwork } from "./tls-network.ts";

export interface RaftNetworkConfig {
  readonly self: string;
  /** Where the others dial this member. */
  readonly raftAddress: string;
  /** Where it is to listen. */
  readonly listenHost: string;
  readonly tls: Partial<TlsPaths>;
  /** Plain TCP is wanted beyond this machine. */
  readonly insecure: boolean;
  readonly tracer: Tracer;
}

export interface RaftNetwork {
  readonly network: Network;
  readonly listenAddress: string;
}

/** @throws Error that says what to do */
export async function raftNetwork(config: RaftNetworkConfig): Promise<RaftNetwork> {
  const { host, port } = parseAddress(config.raftAddress);
  const listenAddress = joinAddress(config.listenHost, port);
  const paths = wholePaths(config.tls);
  if (paths !== null) {
    if (config.insecure)
      throw new Error("--insecure-raft and certificates exclude each other: leave one out");
    const files = await readTlsFiles(paths, config.self, Date.now());
    return { network: createTlsNetwork(files, config.tracer), listenAddress };
  }
  if (config.insecure) return { network: tcpNetwork, listenAddress };
  // The API may be open to the network while a cluster of one keeps its Raft port to itself.
  if (isLoopback(host)) return { network: tcpNetwork, listenAddress: joinAddress(host, port) };
  throw new Error(
    `the Raft address ${config.raftAddress} can be reached from other machines, and without certificates whoever ` +
      "reaches it could pass for a member: give --raft-cert, --raft-key and --raft-ca, or --insecure-raft if nobody " +
      "else can reach that port",
  );
}

function wholePaths({ cert, key, ca }: Partial<TlsPaths>): TlsPaths | null {
  if (cert !== undefined && key !== undefined && ca !== undefined) return { cert, key, ca };
  if (cert === undefined && key === undefined && ca === undefined) return null;
  const missing = [
    ...(cert === undefined ? ["--raft-cert"] : []),
    ...(key === undefined ? ["--raft-key"] : []),
    ...(ca === undefined ? ["--raft-ca"] : []),
  ];
  throw new Error(`--raft-cert, --raft-key and --raft-ca go together; ${missing.join(" and ")} is not given`);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
