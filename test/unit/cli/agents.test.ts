// What `tepui agents` makes of words and of the cluster's answers.
import { describe, expect, it } from "vitest";
import {
  type AgentRow,
  agentsTable,
  durationOf,
  idOf,
  parseSeconds,
  stateText,
} from "../../../src/cli/agents.ts";

const agent: AgentRow = { id: "c-S0", hostname: "h", port: 5051, active: true, deactivated: false };
const draining: AgentRow = {
  ...agent,
  active: false,
  deactivated: true,
  drain_info: { state: "DRAINING", config: { mark_gone: false } },
  estimated_drain_start_time_seconds: 90,
};

describe("the state of an agent", () => {
  it.each([
    [agent, "active"],
    [{ ...agent, active: false }, "away"],
    [{ ...agent, active: false, deactivated: true }, "deactivated"],
    [draining, "draining for 10 s"],
    [
      { ...draining, drain_info: { state: "DRAINING", config: { mark_gone: true } } },
      "draining for 10 s, then gone",
    ],
    [{ ...draining, drain_info: { state: "DRAINED", config: {} } }, "drained"],
  ])("%# is said in a word or two", (row, text) => {
    expect(stateText(row, 100_000)).toBe(text);
  });

  it("is listed with how many tasks it has", () => {
    const tasks = [{ slave_id: "c-S0" }, { slave_id: "c-S9" }];
    const lines = agentsTable({ slaves: [agent], frameworks: [{ tasks }, { tasks }] }, 0).split("\n");
    expect(lines).toEqual(["ID    ADDRESS  STATE   TASKS", "c-S0  h:5051   active  2"]);
  });
});

describe("an agent is named", () => {
  const slaves = [agent, { ...agent, id: "c-S1", hostname: "g" }, { ...agent, id: "c-S2", hostname: "g" }];
  const state = { slaves, frameworks: [] };

  it("by its id or by its host, if it is alone there; an unknown word is an id", () => {
    expect(["c-S1", "h", "c-S7"].map((which) => idOf(which, state))).toEqual(["c-S1", "c-S0", "c-S7"]);
  });

  it("not by a host with several agents", () => {
    expect(() => idOf("g", state)).toThrow("2 agents are at g: say which by its id (c-S1, c-S2)");
  });
});

it("lengths of time are seconds, and go into the call as Mesos wants them", () => {
  expect([parseSeconds("60"), parseSeconds("2.5")].map(durationOf)).toEqual([
    { seconds: 60, nanos: 0 },
    { seconds: 2, nanos: 500_000_000 },
  ]);
  for (const bad of ["", "-1", "1min", "0.0001", "1e12"]) expect(() => parseSeconds(bad)).toThrow("seconds");
});
