// Frameworks come, are silent for a while, and go.
import type { FrameworkId, OfferId, RoleName } from "../../kernel/ids.ts";
import type { Command, Context, Subscribe, UpdateFramework } from "../commands.ts";
import type { Event } from "../events.ts";
import { FRAMEWORKS_MAX, ID_CHARACTERS_MAX } from "../limits.ts";
import { after } from "../lookups.ts";
import type { ClusterState, Framework, FrameworkSpec, Offer } from "../model.ts";
import { unlistedRoles } from "../policy.ts";
import { accepted, type Decision, dropped, rejected } from "./decision.ts";
import { remove } from "./removal.ts";

type CommandOf<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;

/** A framework whose calls are taken, or the refusal (reference, section h: 400 unknown, 403 not connected). */
export function connectedFramework(
  state: ClusterState,
  frameworkId: FrameworkId,
): { readonly framework: Framework } | { readonly refusal: Decision } {
  const framework = state.frameworks.get(frameworkId);
  if (framework === undefined) return { refusal: rejected("framework-unknown", "Framework cannot be found") };
  if (framework.connection.kind === "connected") return { framework };
  return { refusal: rejected("framework-not-connected", "Framework is not subscribed") };
}

export function decideSubscribe(state: ClusterState, command: Subscribe): Decision {
  const { frameworkId, spec, suppressedRoles, streamId } = command;
  const known = frameworkId === null ? undefined : state.frameworks.get(frameworkId);
  const fault = subscriptionFault(state, command, known);
  if (fault !== null) return fault;
  const id = frameworkId ?? newFrameworkId(state);
  const event: Event = {
    kind: "FrameworkSubscribed",
    frameworkId: id,
    minted: frameworkId === null,
    spec: known === undefined ? spec : keepImmutable(known.spec, spec),
    suppressedRoles,
    ...constraintsOf(command),
    streamId,
    replacedStreamId: known?.connection.kind === "connected" ? known.connection.streamId : null,
  };
  return accepted([event], { kind: "subscribed", frameworkId: id });
}

function subscriptionFault(
  state: ClusterState,
  { frameworkId, spec, suppressedRoles }: Subscribe,
  known: Framework | undefined,
): Decision | null {
  if (frameworkId !== null && state.completedFrameworks.has(frameworkId)) {
    return rejected("framework-removed", "Framework has been removed");
  }
  const invalid = (message: string) => rejected("subscription-invalid", message);
  if (frameworkId !== null && (frameworkId.length === 0 || frameworkId.length > ID_CHARACTERS_MAX)) {
    return invalid(`A framework id has 1 to ${ID_CHARACTERS_MAX} characters`);
  }
  const foreign = foreignRoles(spec, suppressedRoles);
  if (foreign !== null) return invalid(foreign);
  const unlisted = unlistedOf(state, spec);
  if (unlisted !== null) return invalid(unlisted);
  if (known === undefined) {
    return state.frameworks.size < FRAMEWORKS_MAX
      ? null
      : invalid(`The cluster has ${FRAMEWORKS_MAX} frameworks`);
  }
  const change = changeOf("principal", known.spec, spec);
  return change === null ? null : invalid(change);
}

/** SC08. Offers in roles that it leaves are rescinded, others stay, also those in roles that it suppresses (trap 19). */
export function decideUpdateFramework(state: ClusterState, command: UpdateFramework): Decision {
  const found = connectedFramework(state, command.frameworkId);
  if ("refusal" in found) return found.refusal;
  const { framework } = found;
  const { frameworkId, spec, suppressedRoles } = command;
  const foreign = foreignRoles(spec, suppressedRoles);
  if (foreign !== null) return invalidUpdate(`'UpdateFramework' call is not valid: ${foreign}`);
  const change =
    unlistedOf(state, spec) ??
    changeOf("user", framework.spec, spec) ??
    changeOf("principal", framework.spec, spec) ??
    changeOf("checkpoint", framework.spec, spec);
  if (change !== null) return invalidUpdate(`FrameworkInfo update is not valid: ${change}`);
  const offers = offersIn(state, framework, ({ role }) => !spec.roles.includes(role));
  const rescission: readonly Event[] =
    offers.length === 0 ? [] : [{ kind: "OffersRescinded", cause: "role-left", offers }];
  return accepted([
    ...rescission,
    { kind: "FrameworkUpdated", frameworkId, spec, suppressedRoles, ...constraintsOf(command) },
  ]);
}

function invalidUpdate(message: string): Decision {
  return rejected("subscription-invalid", message);
}

function offersIn(
  state: ClusterState,
  { id, offers }: Framework,
  isMeant: (offer: Offer) => boolean,
): { readonly frameworkId: FrameworkId; readonly offerId: OfferId }[] {
  return [...offers.keys()]
    .filter((offerId) => {
      const offer = state.offers.get(offerId);
      return offer !== undefined && isMeant(offer);
    })
    .map((offerId) => ({ frameworkId: id, offerId }));
}

function constraintsOf({
  offerConstraints,
}: Pick<Subscribe, "offerConstraints">): Pick<Subscribe, "offerConstraints"> {
  return offerConstraints === undefined ? {} : { offerConstraints };
}

function foreignRoles({ roles }: FrameworkSpec, suppressed: readonly RoleName[]): string | null {
  const foreign = suppressed.filter((role) => !roles.includes(role));
  if (foreign.length === 0) return null;
  return `Suppressed roles { ${foreign.join(", ")} } are not contained in the set of roles`;
}

function unlistedOf({ policy }: ClusterState, { roles }: FrameworkSpec): string | null {
  const unlisted = unlistedRoles(policy, roles);
  return unlisted.length === 0 ? null : `Roles { ${unlisted.join(", ")} } are not in the masters' --roles`;
}

function changeOf(
  field: "user" | "principal" | "checkpoint",
  before: FrameworkSpec,
  after: FrameworkSpec,
): string | null {
  const [from, to] = [String(before[field] ?? ""), String(after[field] ?? "")];
  if (from === to) return null;
  return `Updating 'FrameworkInfo.${field}' is unsupported; attempted to update from '${from}' to '${to}'`;
}

/** User and checkpoint stay what they were, without a word (trap 23). */
function keepImmutable(before: FrameworkSpec, after: FrameworkSpec): FrameworkSpec {
  if (before.user === after.user && before.checkpoint === after.checkpoint) return after;
  const { user, checkpoint } = before;
  return { ...after, user, checkpoint, wire: { ...after.wire, user, checkpoint } };
}

function newFrameworkId(state: ClusterState): FrameworkId {
  const number = String(state.minted.frameworks).padStart(4, "0");
  return `${state.clusterId}-${number}` as FrameworkId;
}

/** Removed at once without a failover timeout (trap 21). The end of a stream that was replaced says nothing. */
export function decideDisconnect(
  state: ClusterState,
  { frameworkId, streamId }: CommandOf<"disconnect-framework">,
  context: Context,
): Decision {
  const framework = state.frameworks.get(frameworkId);
  if (framework?.connection.kind !== "connected" || framework.connection.streamId !== streamId) {
    return dropped();
  }
  const { failoverTimeoutMs } = framework.spec;
  if (failoverTimeoutMs <= 0) return remove(state, framework, "failover-timeout", context);
  const deadline = after(context.now, failoverTimeoutMs);
  return accepted([{ kind: "FrameworkDisconnected", frameworkId, streamId, deadline }]);
}

export function decideTeardown(
  state: ClusterState,
  { frameworkId, cause = "teardown" }: CommandOf<"teardown">,
  context: Context,
): Decision {
  const framework = state.frameworks.get(frameworkId);
  if (framework === undefined) return rejected("framework-unknown", "Framework cannot be found");
  return remove(state, framework, cause, context);
}

/** One role that it has not drops the whole call (trap 18). */
export function decideRevive(state: ClusterState, command: CommandOf<"revive">): Decision {
  const found = connectedFramework(state, command.frameworkId);
  if ("refusal" in found) return found.refusal;
  const roles = rolesMeant(found.framework, command.roles);
  if (roles.length === 0) return dropped();
  return accepted([{ kind: "FrameworkRevived", frameworkId: command.frameworkId, roles }]);
}

/** Offers that are out stay (trap 18). */
export function decideSuppress(state: ClusterState, command: CommandOf<"suppress">): Decision {
  const found = connectedFramework(state, command.frameworkId);
  if ("refusal" in found) return found.refusal;
  const { suppressedRoles } = found.framework;
  const roles = rolesMeant(found.framework, command.roles);
  const fresh = roles.filter((role) => !suppressedRoles.includes(role));
  if (fresh.length === 0) return dropped();
  return accepted([{ kind: "FrameworkSuppressed", frameworkId: command.frameworkId, roles: fresh }]);
}

function rolesMeant(framework: Framework, roles: readonly RoleName[]): readonly RoleName[] {
  const { roles: own } = framework.spec;
  if (roles.length === 0) return own;
  return roles.every((role) => own.includes(role)) ? [...new Set(roles)] : [];
}
