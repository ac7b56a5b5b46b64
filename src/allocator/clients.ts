// Clients: frameworks in their roles. Made when a framework subscribes to a role or holds something in it, gone when
// neither is so. Liveness is kept here, with the counts that follow from it.
import type { FrameworkId, RoleName } from "../kernel/ids.ts";
import { countAccess, mayHave } from "./access.ts";
import { isBlocking } from "./blocking.ts";
import { agentOf, clientOf, frameworkOf, roleOf } from "./lookups.ts";
import type { AllocatorState, Client, ClientNumber, RoleEntry } from "./model.ts";
import { ensureRole, forgetRoleIfUnused, lineOf, noteLive, parentOf, topRoles } from "./role-tree.ts";

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

/** Brings `live` and what follows from it up to date after a change of the client or its framework. */
export function refreshLive(s: AllocatorState, number: ClientNumber): void {
  const client = clientOf(s, number);
  const framework = frameworkOf(s, client.frameworkId);
  const live = framework.active && client.subscribed && !client.suppressed;
  if (live === client.live) return;
  if (live) catchUp(s, client);
  client.live = live;
  client.waitsSince = null;
  const change = live ? 1 : -1;
  countAccess(s.live, framework, change);
  noteLive(s, client.role, change);
  for (const agentId of client.filtered.keys()) {
    const agent = agentOf(s, agentId);
    if (mayHave(framework, agent) && isBlocking(agent.filters.get(number))) agent.blocked += change;
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

/**
 * A client that begins to compete takes its turn among equals after those who were given least, and so does a role that
 * begins to compete by it, at every level. Otherwise a newcomer that declines everything would be preferred until it
 * had been offered as much as the oldest.
 */
function catchUp(s: AllocatorState, client: Client): void {
  const role = roleOf(s, client.role);
  raise(client, livePeers(s, role));
  if (role.own.liveClients > 0) return;
  raise(role.own, liveChildren(s, role));
  for (const each of lineOf(client.role)) {
    const entry = roleOf(s, each);
    if (entry.liveClients > 0) return;
    raise(entry, liveSiblings(s, each));
    if (entry.children.size === 0) entry.own.given = entry.given;
  }
}

/** Those who compete with the role: its siblings, and the frameworks of the role above. */
function liveSiblings(s: AllocatorState, role: RoleName): readonly Turns[] {
  const parent = parentOf(role);
  if (parent === null) return liveRoles(s, topRoles(s));
  const above = roleOf(s, parent);
  return above.own.liveClients > 0 ? [above.own, ...liveChildren(s, above)] : liveChildren(s, above);
}

function liveChildren(s: AllocatorState, role: RoleEntry): readonly Turns[] {
  return liveRoles(s, role.children.keys());
}

function* livePeers(s: AllocatorState, role: RoleEntry): Generator<Turns> {
  for (const number of role.clients.keys()) {
    const peer = clientOf(s, number);
    if (peer.live) yield peer;
  }
}

function liveRoles(s: AllocatorState, roles: Iterable<RoleName>): readonly Turns[] {
  return [...roles].map((role) => roleOf(s, role)).filter((entry) => entry.liveClients > 0);
}

interface Turns {
  given: number;
}

function raise(newcomer: Turns, peers: Iterable<Turns>): void {
  let least = Number.POSITIVE_INFINITY;
  for (const { given } of peers) if (given < least) least = given;
  if (least !== Number.POSITIVE_INFINITY) newcomer.given = Math.max(newcomer.given, least);
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
    waitsSince: null,
  };
}
