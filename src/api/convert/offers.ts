// Offers as frameworks and operators see them (SC10).
import type {
  AgentInfo,
  Attribute,
  DomainInfo,
  InverseOffer,
  Offer as WireOffer,
  URL as WireUrl,
} from "../../contract/types.ts";
import type { ExecutorId } from "../../kernel/ids.ts";
import type { InverseOfferView } from "../../state/effects.ts";
import type { AgentSpec, Offer, Unavailability } from "../../state/model.ts";
import { ipv4Of } from "./addresses.ts";
import { unavailabilityToWire } from "./maintenance.ts";
import { type ReservationFormat, resourcesToWire } from "./resources.ts";

export interface OfferForm {
  /** Reservations in the format that the framework understands (trap 26). */
  readonly format: ReservationFormat;
  /** Without MULTI_ROLE the allocation role is not shown (trap 25). */
  readonly multiRole: boolean;
  readonly unavailability: Unavailability | null;
}

export function offerToWire(
  offer: Offer,
  agent: AgentSpec,
  executorIds: readonly ExecutorId[],
  form: OfferForm,
): WireOffer {
  const { attributes, domain } = agentParts(agent);
  const role = form.multiRole ? offer.role : null;
  return {
    id: { value: offer.id },
    framework_id: { value: offer.frameworkId },
    agent_id: { value: offer.agentId },
    hostname: agent.hostname,
    url: agentUrl(agent),
    ...(domain === undefined ? {} : { domain }),
    resources: resourcesToWire(offer.resources, form.format, role),
    ...(attributes === undefined || attributes.length === 0 ? {} : { attributes }),
    ...(executorIds.length === 0 ? {} : { executor_ids: executorIds.map((value) => ({ value })) }),
    ...(form.unavailability === null ? {} : { unavailability: unavailabilityToWire(form.unavailability) }),
    ...(role === null ? {} : { allocation_info: { role } }),
  };
}

/** What the agent said of itself and the cluster carries without reading. */
export function agentParts(agent: AgentSpec): {
  readonly attributes: readonly Attribute[] | undefined;
  readonly domain: DomainInfo | undefined;
} {
  const info = agent.wire as Partial<AgentInfo>;
  return { attributes: info.attributes, domain: info.domain };
}

export function inverseOfferToWire(view: InverseOfferView): InverseOffer {
  return {
    id: { value: view.offerId },
    url: agentUrl(view.agent),
    framework_id: { value: view.frameworkId },
    agent_id: { value: view.agentId },
    unavailability: unavailabilityToWire(view.unavailability),
  };
}

function agentUrl(agent: AgentSpec): WireUrl {
  const ip = agent.ip ?? ipv4Of(agent.hostname);
  return {
    scheme: "http",
    address: { hostname: agent.hostname, ...(ip === null ? {} : { ip }), port: agent.port },
    path: "/slave(1)",
  };
}
