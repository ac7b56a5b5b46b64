// Clients: frameworks in their roles. Made when a framework subscribes to a role or holds something in it, gone when
// neither is so. Liveness is kept here, with the counts that follow from it.
import type { FrameworkId, RoleName } from "../kernel/ids.ts";
import { isBlocking } from "./blocking.ts";
import { DEFAULT_WEIGHT_MILLIS } from "./limits.ts";
import { agentOf, clientOf, frameworkOf, roleOf } from "./lookups.ts";
import type { AllocatorState, Client, ClientNumber, RoleEntry } from "./model.ts";

/** The number of the framework's client in that role; made, not subscribed, if there is none. */
export function ensureClient(s: AllocatorState, frameworkId: FrameworkId, role: RoleName): ClientNumber {
  const framework = frameworkOf(s, frameworkId);
  const known = framework.clients.get(role);
  if (known !== undefined) return known;
  const number = s.nextClient++;
  framework.clients.set(role, number);
  s.clients.set(number, newClient(frameworkId, role));
  ensureRole(s, role).clients.set(number, true);
  return number;
}

export function ensureRole(s: AllocatorState, role: RoleName): RoleEntry {
  if (!s.roles.has(role)) {
    s.roles.set(role, {
      weightMillis: DEFAULT_WEIGHT_MILLIS,
      allocated: new Map(),
      given: 0,
      clients: new Map(),
      liveClients: 0,
    });
  }
  return roleOf(s, role);
}

/** Brings `live` and what follows from it up to date after a change of the client or its framework. */
export function refreshLive(s: AllocatorState, number: ClientNumber): void {
  const client = clientOf(s, number);
  const framework = frameworkOf(s, client.frameworkId);
  const live = framework.active && client.subscribed && !client.suppressed;
  if (live === client.live) return;
  if (live) catchUp(s, client);
  client.live = live;
  const change = live ? 1 : -1;
  s.live.all += change;
  if (framework.gpu) s.live.gpu += change;
  roleOf(s, client.role).liveClients += change;
  for (const agentId of client.filtered.keys()) {
    const agent = agentOf(s, agentId);
    if ((!agent.gpu || framework.gpu) && isBlocking(agent.filters.get(number))) agent.blocked += change;
  }
}

/** Forgets the client if it is neither subscribed nor holds anything, and its role if that leaves nothing of it. */
export function forgetIfUnused(s: AllocatorState, number: ClientNumber): void {
  const client = clientOf(s, number);
  if (client.subscribed || client.agentCount > 0) return;
  frameworkOf(s, client.frameworkId).clients.delete(client.role);
  s.clients.delete(number);
  roleOf(s, client.role).clients.delete(number);
  forgetRoleIfUnused(s, client.role);
}

export function forgetRoleIfUnused(s: AllocatorState, role: RoleName): void {
  const entry = roleOf(s, role);
  if (entry.clients.size === 0 && entry.weightMillis === DEFAULT_WEIGHT_MILLIS) s.roles.delete(role);
}

/**
 * A client that begins to compete takes its turn among equals after those who were given least, and so does a role.
 * Otherwise a newcomer that declines everything would be preferred until it had been offered as much as the oldest.
 */
function catchUp(s: AllocatorState, client: Client): void {
  const role = roleOf(s, client.role);
  const peers = [...role.clients.keys()].map((number) => clientOf(s, number)).filter((peer) => peer.live);
  client.given = Math.max(client.given, leastGiven(peers));
  if (role.liveClients > 0) return;
  const roles = [...s.roles.values()].filter((other) => other.liveClients > 0);
  role.given = Math.max(role.given, leastGiven(roles));
}

function leastGiven(peers: readonly { readonly given: number }[]): number {
  return peers.reduce((least, { given }) => Math.min(least, given), peers[0]?.given ?? 0);
}

function newClient(frameworkId: FrameworkId, role: RoleName): Client {
  return {
    frameworkId,
    role,
    subscribed: false,
    suppressed: false,
    live: false,
    allocated: new Map(),
    agentCount: 0,
    given: 0,
    filtered: new Map(),
  };
}
