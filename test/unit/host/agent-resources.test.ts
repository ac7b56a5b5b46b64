// What an agent advertises of what its operator configured: RV02, RV04, RV07.
import { describe, expect, it } from "vitest";
import { agentResources } from "../../../src/host/agent-resources.ts";

const MACHINE = {
  hostname: "h",
  ip: "127.0.0.1",
  cpus: 4,
  memMb: 1_024,
  diskMb: 2_048,
  ports: { begin: 31_000, end: 32_000 },
};

function cpusOf(configured: string | null): readonly unknown[] {
  return agentResources(MACHINE, configured).filter(({ name }) => name === "cpus");
}

describe("--resources", () => {
  it("takes the place of what was found, name by name", () => {
    const names = agentResources(MACHINE, "cpus:1").map(({ name }) => name);
    expect(cpusOf("cpus:1")).toEqual([{ name: "cpus", type: "SCALAR", scalar: { value: 1 }, role: "*" }]);
    expect(names).toContain("mem");
  });

  it.each([
    ["as text", "cpus(dev):1;cpus:2"],
    [
      "as JSON",
      JSON.stringify([
        { name: "cpus", type: "SCALAR", scalar: { value: 2 } },
        {
          name: "cpus",
          type: "SCALAR",
          scalar: { value: 1 },
          reservations: [{ type: "STATIC", role: "dev" }],
        },
      ]),
    ],
  ])("may reserve for roles, %s", (_how, configured) => {
    expect(cpusOf(configured)).toEqual([
      { name: "cpus", type: "SCALAR", scalar: { value: 2 }, role: "*" },
      { name: "cpus", type: "SCALAR", scalar: { value: 1 }, role: "dev" },
    ]);
  });

  it("that cannot be read is an error that says so", () => {
    expect(() => agentResources(MACHINE, "[{}]")).toThrow(/^--resources: /);
    expect(() => agentResources(MACHINE, "[1")).toThrow(/^--resources: /);
    expect(() => agentResources(MACHINE, "cpus():1")).toThrow(
      "--resources: Resource 'cpus': the role is missing",
    );
  });
});
