// Look-ups whose miss is a mistake of the caller.
import { present } from "../kernel/assert.ts";
import type { AgentId, FrameworkId, RoleName } from "../kernel/ids.ts";
import type { AgentEntry, AllocatorState, Client, ClientNumber, FrameworkEntry, RoleEntry } from "./model.ts";

export function agentOf(s: AllocatorState, agentId: AgentId): AgentEntry {
  return present(s.agents.get(agentId), "the allocator knows no such agent", { agentId });
}

export function frameworkOf(s: AllocatorState, frameworkId: FrameworkId): FrameworkEntry {
  return present(s.frameworks.get(frameworkId), "the allocator knows no such framework", { frameworkId });
}

export function roleOf(s: AllocatorState, role: RoleName): RoleEntry {
  return present(s.roles.get(role), "the allocator knows no such role", { role });
}

export function clientOf(s: AllocatorState, number: ClientNumber): Client {
  return present(s.clients.get(number), "the allocator knows no such client", { number });
}
