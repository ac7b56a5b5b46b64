// Optimistic offers (decision 0037) keep to what keeps other offers away.
import { describe, expect, it } from "vitest";
import { addFilter, allocate, beginWaiting, setQuota } from "../../../src/allocator/index.ts";
import { agent, at, cluster, framework, res, role } from "./helpers.ts";

const NONE = new Map([
  ["cpus", 0],
  ["mem", 0],
]);

describe("a framework that has refused an agent", () => {
  it("is not shown what is free there when it has waited, if nobody else may have that either", () => {
    const state = cluster(["cpus:4;mem:64"], ["a", "b"]);
    setQuota(state, role("b"), { guarantees: new Map(), limits: NONE });
    addFilter(state, framework(1), role("a"), agent(0), res("cpus:4;mem:64"), at(1_000_000));
    for (const number of [1, 2]) beginWaiting(state, framework(number), at(0));
    const options = { optimisticAfterMs: 1_000, outstanding: () => [] };
    expect(allocate(state, at(5_000), options)).toEqual([]);
    expect(allocate(state, at(1_000_000), options)).toHaveLength(1);
  });
});
