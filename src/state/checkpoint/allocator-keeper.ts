// The allocator's part of the keeper: by what its functions change.

import { factsOf, isPlain } from "../../allocator/meta.ts";
import type { AllocatorState, Client, ClientNumber, Filter } from "../../allocator/model.ts";
import type { Resources } from "../../allocator/resources.ts";
import { lineOf } from "../../allocator/role-tree.ts";
import type { AgentId, FrameworkId, Millis, RoleName } from "../../kernel/ids.ts";
import { type Images, SECTIONS } from "./images.ts";
import {
  copyAgentEntry,
  copyBucket,
  copyClient,
  copyExpiries,
  copyFrameworkEntry,
  copyRole,
  entriesOf,
  keysOf,
} from "./parts.ts";

export class AllocatorKeeper {
  readonly #state: AllocatorState;
  readonly #images: Images;

  constructor(state: AllocatorState, images: Images) {
    this.#state = state;
    this.#images = images;
  }

  /** That the agent comes, goes, or has another total. */
  agents(): void {
    this.#images.keepList(SECTIONS.allocatorAgents, this.#state.agents, entriesOf);
    this.#images.keepList(SECTIONS.allocator, this.#state.totals, entriesOf);
  }

  /** What is held, free or filtered on the agent. */
  agent(agentId: AgentId): void {
    this.#images.keepList(SECTIONS.allocator, this.#state.withFree, keysOf);
    const entry = this.#state.agents.get(agentId);
    if (entry === undefined) return;
    this.#images.keepObject(SECTIONS.allocatorAgents, entry, copyAgentEntry);
    this.reserved(entry.total);
  }

  /** That roles to which some of the resources are reserved have more or less of them free. */
  reserved(resources: Resources): void {
    if (isPlain(resources)) return;
    this.#images.keepList(SECTIONS.allocator, this.#state.roles, entriesOf);
    for (const { meta } of resources) {
      const { reservedTo } = factsOf(meta);
      if (reservedTo !== null) this.role(reservedTo);
    }
  }

  /** That the framework takes or gives back resources of the agent in that role: allocateTo, hold, recover. */
  holding(frameworkId: FrameworkId, role: RoleName, agentId: AgentId): void {
    this.agent(agentId);
    if (this.#images.isRead(SECTIONS.allocator)) return;
    this.clients(frameworkId);
    this.role(role);
    const number = this.#state.frameworks.get(frameworkId)?.clients.get(role);
    if (number !== undefined) this.client(number);
  }

  /** That clients of the framework come or go, and roles with them. */
  clients(frameworkId: FrameworkId): void {
    const { frameworks, clients, roles } = this.#state;
    this.#images.keepList(SECTIONS.allocator, frameworks, entriesOf);
    this.#images.keepList(SECTIONS.allocator, clients, entriesOf);
    this.#images.keepList(SECTIONS.allocator, roles, entriesOf);
    const entry = frameworks.get(frameworkId);
    if (entry !== undefined) this.#images.keepObject(SECTIONS.allocator, entry, copyFrameworkEntry);
  }

  /** Everything that follows from what the framework says of itself, filters aside. */
  terms(frameworkId: FrameworkId, roles: readonly RoleName[]): void {
    this.clients(frameworkId);
    for (const role of roles) this.role(role);
    for (const [role, number] of this.#state.frameworks.get(frameworkId)?.clients ?? []) {
      this.role(role);
      this.client(number);
      for (const agentId of this.#state.clients.get(number)?.filtered.keys() ?? []) this.agent(agentId);
    }
  }

  /** That filters of the framework end, in all its roles: clearFilters. */
  filtersOfFramework(frameworkId: FrameworkId): void {
    for (const number of this.#state.frameworks.get(frameworkId)?.clients.values() ?? []) {
      for (const agentId of this.#state.clients.get(number)?.filtered.keys() ?? []) {
        this.#filters(agentId, number);
      }
    }
  }

  /** That a filter of the framework in that role begins on the agent: addFilter. */
  filtersOfRole(frameworkId: FrameworkId, role: RoleName, agentId: AgentId, until: Millis): void {
    const number = this.#state.frameworks.get(frameworkId)?.clients.get(role);
    if (number === undefined) return;
    this.#filters(agentId, number);
    this.#bucket(until);
  }

  /** That filters end because their time has come: expireFilters. */
  expired(now: Millis): void {
    for (const [until, { agentIds, clients }] of this.#state.expiries.buckets) {
      if (until > now) continue;
      for (const [index, agentId] of agentIds.entries()) {
        const number = clients[index];
        if (number !== undefined) this.#filters(agentId, number);
      }
    }
  }

  /** That the agent is forgotten with all that is held and filtered on it: removeAgent. */
  agentRemoved(agentId: AgentId): void {
    this.agents();
    this.filtersOnAgent(agentId);
    const entry = this.#state.agents.get(agentId);
    for (const number of entry?.allocations.keys() ?? []) {
      const client = this.#state.clients.get(number);
      if (client !== undefined) this.holding(client.frameworkId, client.role, agentId);
    }
  }

  /** That all filters on the agent end: clearFiltersOfAgent. */
  filtersOnAgent(agentId: AgentId): void {
    const filters = this.#state.agents.get(agentId)?.filters;
    for (const number of filters?.keys() ?? []) this.#filters(agentId, number);
  }

  /** That roles get weights or quotas, and so come or go. */
  policies(roles: readonly RoleName[]): void {
    this.#images.keepList(SECTIONS.allocator, this.#state.roles, entriesOf);
    this.#images.keepList(SECTIONS.allocator, this.#state.quotas, keysOf);
    for (const role of roles) this.role(role);
  }

  /** And those above it: what a role holds they hold as well. */
  role(role: RoleName): void {
    for (const each of lineOf(role)) {
      const entry = this.#state.roles.get(each);
      if (entry !== undefined) this.#images.keepObject(SECTIONS.allocator, entry, copyRole);
    }
  }

  client(number: ClientNumber): void {
    const client = this.#state.clients.get(number);
    if (client !== undefined) this.#images.keepObject(SECTIONS.allocator, client, copyClient);
  }

  #filters(agentId: AgentId, number: ClientNumber): void {
    this.agent(agentId);
    if (this.#images.isRead(SECTIONS.allocator)) return;
    this.#expiries();
    const client = this.#state.clients.get(number);
    if (client !== undefined) this.#filtered(client);
    for (const { until } of this.#filtersOn(agentId, number)) this.#bucket(until);
  }

  #filtersOn(agentId: AgentId, number: ClientNumber): readonly Filter[] {
    return this.#state.agents.get(agentId)?.filters.get(number) ?? [];
  }

  #filtered(client: Client): void {
    this.#images.keepList(SECTIONS.allocator, client.filtered, keysOf);
  }

  #expiries(): void {
    const { expiries } = this.#state;
    this.#images.keepObject(SECTIONS.allocator, expiries, copyExpiries);
    this.#images.keepList(SECTIONS.allocator, expiries.buckets, entriesOf);
  }

  #bucket(until: Millis): void {
    const bucket = this.#state.expiries.buckets.get(until);
    if (bucket !== undefined) this.#images.keepObject(SECTIONS.allocator, bucket, copyBucket);
  }
}
