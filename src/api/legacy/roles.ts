// `/roles`: what the roles weigh and hold, in numbers.
import type { Resources } from "../../allocator/resources.ts";
import { add, scalarOf } from "../../allocator/resources.ts";
import { compareText } from "../../kernel/ids.ts";
import { type ApiContext, confirmed, refusalUnlessLeading } from "../context.ts";
import { legacyJson, type Reply } from "../http/reply.ts";
import { type RoleFacts, rolesOf } from "../operator/roles.ts";
import type { LegacyRequest } from "./request.ts";

const NONE: ReadonlyMap<string, number> = new Map();

type Json = { readonly [field: string]: unknown };

export async function roles(context: ApiContext, { target, jsonp }: LegacyRequest): Promise<Reply> {
  const refusal = refusalUnlessLeading(context, target);
  if (refusal !== null) return refusal;
  const shown = { roles: rolesOf(context.master.state()).map(roleJson) };
  return confirmed(context, legacyJson(JSON.stringify(shown), jsonp), target);
}

function roleJson(role: RoleFacts): Json {
  const { name, weight, frameworks, allocated, offered, reserved, quota, consumed } = role;
  return {
    name,
    weight,
    quota: {
      role: name,
      guarantee: amounts(quota?.guarantees ?? NONE),
      limit: amounts(quota?.limits ?? NONE),
      consumed: quantities(consumed),
    },
    resources: quantities(add(allocated, offered)),
    allocated: quantities(allocated),
    offered: quantities(offered),
    reserved: quantities(reserved),
    frameworks,
  };
}

function amounts(millis: ReadonlyMap<string, number>): Json {
  return Object.fromEntries(
    [...millis].sort(([a], [b]) => compareText(a, b)).map(([name, amount]) => [name, amount / 1_000]),
  );
}

/** One number for each name: of ranges and sets how many are in them. */
function quantities(resources: Resources): Json {
  const sums = new Map<string, number>();
  for (const { name, value } of resources) {
    const amount =
      value.kind === "scalar"
        ? scalarOf(resources, name) / 1_000
        : value.kind === "ranges"
          ? value.ranges.reduce((all, { begin, end }) => all + end - begin + 1, 0)
          : value.items.length;
    sums.set(name, value.kind === "scalar" ? amount : (sums.get(name) ?? 0) + amount);
  }
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)));
}
