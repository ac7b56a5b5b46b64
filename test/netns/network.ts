// A network of this machine's own for one lab: a namespace for each host, joined by a bridge that has a namespace of its
// own, so that nothing outside sees it. Packets are lost where they arrive, by nftables; cables are pulled at the bridge.
import { run } from "./commands.ts";

const PREFIX = "10.99.0";
const DEVICE = "eth0";
const TABLE = "lab";

/** Packets from one host to another, in this direction only. */
export interface Cut {
  readonly from: string;
  readonly to: string;
}

/** Packets that arrive at a host and are dropped at random. */
export interface Loss {
  readonly at: string;
  readonly percent: number;
}

export interface LabNetwork {
  /** IPv4 address of a host. */
  address(host: string): string;
  /** The words that run a program in a host's namespace, without a process between. */
  inside(host: string): readonly string[];
  /** Replaces all faults. Returns when they are in force. */
  impose(faults: { readonly cuts?: readonly Cut[]; readonly losses?: readonly Loss[] }): Promise<void>;
  /** Pulls a host's cable at the bridge, or plugs it in again. */
  setCable(host: string, plugged: boolean): Promise<void>;
  /** Packets that the faults have dropped so far. */
  dropped(): Promise<number>;
  destroy(): Promise<void>;
}

/** @param lab prefix of the namespaces' names */
export async function createNetwork(lab: string, hosts: readonly string[]): Promise<LabNetwork> {
  const bridge = namespaceOf(lab, "bridge");
  await run("ip", ["netns", "add", bridge]);
  await run("ip", ["-netns", bridge, "link", "add", "br0", "type", "bridge"]);
  await run("ip", ["-netns", bridge, "link", "set", "br0", "up"]);
  const address = (host: string) => `${PREFIX}.${hosts.indexOf(host) + 1}`;
  for (const host of hosts) await addHost(lab, host, address(host));
  let faulty = new Map<string, string>();
  let droppedBefore = 0;

  async function counted(): Promise<number> {
    const counts = await Promise.all([...faulty.keys()].map((host) => droppedAt(namespaceOf(lab, host))));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  return {
    address,
    inside: (host) => ["nsenter", `--net=/run/netns/${namespaceOf(lab, host)}`],
    async impose({ cuts = [], losses = [] }) {
      droppedBefore += await counted();
      const rules = rulesByHost(cuts, losses, address);
      const touched = new Set([...faulty.keys(), ...rules.keys()]);
      await Promise.all([...touched].map((host) => setRules(namespaceOf(lab, host), rules.get(host) ?? "")));
      faulty = rules;
    },
    setCable: async (host, plugged) => {
      await run("ip", ["-netns", bridge, "link", "set", host, plugged ? "up" : "down"]);
    },
    dropped: async () => droppedBefore + (await counted()),
    destroy: async () => {
      for (const host of [...hosts, "bridge"]) await run("ip", ["netns", "del", namespaceOf(lab, host)]);
    },
  };
}

export function namespaceOf(lab: string, host: string): string {
  return `${lab}-${host}`;
}

async function addHost(lab: string, host: string, address: string): Promise<void> {
  const bridge = namespaceOf(lab, "bridge");
  const own = namespaceOf(lab, host);
  await run("ip", ["netns", "add", own]);
  await run("ip", [
    ...["-netns", bridge, "link", "add", host],
    ...["type", "veth", "peer", "name", DEVICE, "netns", own],
  ]);
  await run("ip", ["-netns", bridge, "link", "set", host, "master", "br0", "up"]);
  await run("ip", ["-netns", own, "address", "add", `${address}/24`, "dev", DEVICE]);
  await run("ip", ["-netns", own, "link", "set", DEVICE, "up"]);
  await run("ip", ["-netns", own, "link", "set", "lo", "up"]);
}

function rulesByHost(
  cuts: readonly Cut[],
  losses: readonly Loss[],
  address: (host: string) => string,
): Map<string, string> {
  const rules = new Map<string, string>();
  const add = (host: string, rule: string) =>
    rules.set(host, `${rules.get(host) ?? ""}${rule} counter drop\n`);
  for (const { from, to } of cuts) add(to, `ip saddr ${address(from)}`);
  for (const { at, percent } of losses) add(at, `iifname "${DEVICE}" numgen random mod 100 < ${percent}`);
  return rules;
}

/** In one transaction: adding the table first lets it be deleted whether it was there or not. */
export function rulesText(rules: string): string {
  const chain = `chain arriving {\ntype filter hook input priority 0\n${rules}\n}`;
  return `add table ip ${TABLE}\ndelete table ip ${TABLE}\ntable ip ${TABLE} {\n${chain}\n}\n`;
}

async function setRules(namespace: string, rules: string): Promise<void> {
  await run("ip", ["netns", "exec", namespace, "nft", "-f", "-"], rulesText(rules));
}

async function droppedAt(namespace: string): Promise<number> {
  const text = await run("ip", ["netns", "exec", namespace, "nft", "list", "table", "ip", TABLE]);
  return [...text.matchAll(/counter packets (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}
