// How this master presents itself: MasterInfo and VersionInfo.
import type { MasterInfo, VersionInfo } from "../contract/types.ts";
import { ipNumber, ipv4Of } from "./convert/addresses.ts";
import type { Advertised } from "./types.ts";

/** The release of Mesos whose API is spoken: clients switch features on by it. */
export const MESOS_VERSION = "1.11.0";
const UNKNOWN_IP = "0.0.0.0";

export function masterInfo(own: Advertised): MasterInfo {
  const ip = addressOf(own);
  return {
    id: own.id,
    ip: ipNumber(ip ?? UNKNOWN_IP),
    port: own.port,
    pid: masterPid(own),
    hostname: own.host,
    version: MESOS_VERSION,
    address: { hostname: own.host, ...(ip === null ? {} : { ip }), port: own.port },
    ...(own.domain === undefined ? {} : { domain: domainOf(own.domain) }),
    capabilities: [{ type: "AGENT_UPDATE" }, { type: "AGENT_DRAINING" }],
  };
}

/** `master@127.0.0.1:5050` */
export function masterPid(own: Advertised): string {
  return `master@${addressOf(own) ?? own.host}:${own.port}`;
}

/** Tepui's own version stands in `git_tag`; the rest is Mesos' form. */
export function versionInfo({ version, build }: Advertised): VersionInfo {
  return {
    version: MESOS_VERSION,
    ...(build === undefined
      ? {}
      : {
          build_date: dateText(build.timeSeconds),
          build_time: build.timeSeconds,
          build_user: build.user,
          git_sha: build.gitSha,
        }),
    git_tag: `tepui-${version}`,
  };
}

function addressOf({ ip, host }: Advertised): string | null {
  return ip ?? ipv4Of(host);
}

/** `2026-11-22 21:00:00 UTC` */
function dateText(seconds: number): string {
  return `${new Date(seconds * 1_000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function domainOf(domain: {
  readonly region: string;
  readonly zone: string;
}): NonNullable<MasterInfo["domain"]> {
  return { fault_domain: { region: { name: domain.region }, zone: { name: domain.zone } } };
}
