// RESERVE, UNRESERVE, CREATE and DESTROY as they come, from a framework or an operator.
import type { ConversionType } from "../../allocator/index.ts";
import { NO_RESOURCES } from "../../allocator/resources.ts";
import type { Resource as WireResource } from "../../contract/types.ts";
import type { Conversion } from "../../state/commands.ts";
import { allocationRoles, resourcesFromWire } from "./resources.ts";

export interface WireConversion {
  readonly type: ConversionType;
  readonly operationId: string | null;
  readonly resources: readonly WireResource[];
  readonly source: readonly WireResource[] | undefined;
}

/** What is wrong with its form is told by `decide`. @param role that resources may say they are allocated to */
export function conversionOf(wire: WireConversion, role: string | null): Conversion {
  const { type, operationId } = wire;
  const resources = resourcesFromWire(wire.resources);
  const source =
    wire.source === undefined || wire.source.length === 0 ? null : resourcesFromWire(wire.source);
  const strange = [...allocationRoles(wire.resources)].find((each) => each !== role);
  const invalid =
    (resources.ok ? null : resources.error) ??
    (source === null || source.ok ? null : source.error) ??
    (strange === undefined ? null : `The resources are said to be allocated to role '${strange}'`);
  return {
    kind: "convert",
    type,
    operationId,
    resources: resources.ok ? resources.value : NO_RESOURCES,
    source: source?.ok === true ? source.value : null,
    invalid,
  };
}
