// What `tepui quota`, `weights` and `roles` make of words and answers, and how they speak to masters that come and go.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { amountsText, parseAmounts } from "../../../src/cli/amounts.ts";
import { operatorOrder, operatorView, Refused } from "../../../src/cli/operator-client.ts";
import { quotaTable, refusalText } from "../../../src/cli/quota.ts";
import { type RoleView, rolesTable } from "../../../src/cli/roles.ts";
import { parseWeight } from "../../../src/cli/weights.ts";

describe("amounts", () => {
  it("are read as resources are written, and shown the same way", () => {
    const amounts = parseAmounts("cpus:2.5;mem:1024");
    expect(amounts).toEqual({ cpus: 2.5, mem: 1_024 });
    expect([amountsText(amounts), amountsText({})]).toEqual(["cpus:2.5; mem:1024", "-"]);
  });

  it.each([
    ["", "of the form"],
    ["cpus", "'cpus' is not of the form name:value"],
    ["ports:[1-2]", "ports must be a number"],
    ["cpus(web):1", "cpus must not be reserved"],
  ])('"%s" is refused in words that help', (text, words) => {
    expect(() => parseAmounts(text)).toThrow(words);
  });
});

describe("weights", () => {
  it("are gathered, role by role", () => {
    expect(parseWeight("eng/ads=0.125", parseWeight("web=2"))).toEqual([
      { role: "web", weight: 2 },
      { role: "eng/ads", weight: 0.125 },
    ]);
  });

  it.each(["web", "web=", "=2", "web=0", "web=-1", "web=1.0001", "web=x"])("%s is refused", (text) => {
    expect(() => parseWeight(text)).toThrow("is not of the form role=weight");
  });
});

describe("tables", () => {
  const role: RoleView = {
    name: "web",
    weight: 2,
    frameworks: ["f"],
    allocated: { cpus: 1 },
    offered: {},
    reserved: {},
    quota: { guarantee: {}, limit: {} },
  };

  it("of roles leave out columns in which nobody has anything", () => {
    expect(rolesTable([role]).split("\n")).toEqual([
      "ROLE  WEIGHT  FRAMEWORKS  ALLOCATED",
      "web   2       1           cpus:1",
    ]);
    const limited = { ...role, name: "db", allocated: {}, quota: { guarantee: {}, limit: { mem: 64 } } };
    expect(rolesTable([role, limited]).split("\n").at(-1)).toBe(
      "db    2       1           -          mem:64",
    );
  });

  it("of quotas say what is consumed", () => {
    const quota = { role: "web", guarantees: {}, limits: { cpus: 4 }, consumed: { cpus: 1, mem: 32 } };
    expect(quotaTable([quota]).split("\n")).toEqual([
      "ROLE  GUARANTEED  LIMIT   CONSUMED",
      "web   -           cpus:4  cpus:1; mem:32",
    ]);
  });
});

it("a refusal keeps the master's words and names this command's flags", () => {
  expect(refusalText("Invalid QuotaConfig: it exceeds (use 'force' flag to bypass this check)")).toBe(
    "it exceeds (set it all the same with --force)",
  );
  expect(refusalText("Role 'x' has no quota set")).toContain("tepui quota list");
});

describe("an order", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  /** A master that says that it leads, and answers calls with these in turn; null cuts the connection. */
  async function master(...answers: (readonly [number, string] | null)[]) {
    const calls: string[] = [];
    const server = createServer((request, response) => {
      if (request.method === "GET") {
        response.end(JSON.stringify({ ready: true, leader: null, members: [] }));
        return;
      }
      request.on("data", (part: Buffer) => void calls.push(part.toString("utf8")));
      request.on("end", () => {
        const [status, text] = answers.shift() ?? [0, ""];
        if (status === 0) response.destroy();
        else response.writeHead(status).end(text);
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { patience: { masters: [address], deadlineMs: performance.now() + 30_000 }, calls };
  }

  const twice = { repeatable: true, look: "look" };
  const once = { repeatable: false, look: "tepui quota list" };

  it("is said again to whoever leads then, if that does no harm", async () => {
    const { patience, calls } = await master([307, ""], [503, "lost"], null, [200, ""]);
    await operatorOrder({ type: "X" }, patience, twice);
    expect(calls).toEqual(Array.from({ length: 4 }, () => '{"type":"X"}'));
  });

  it("that must not be said twice says how to look whether it was done", async () => {
    const { patience } = await master([307, ""], null);
    await expect(operatorOrder({}, patience, once)).rejects.toThrow("look with `tepui quota list`");
  });

  it("that is refused fails with the master's words", async () => {
    const { patience } = await master([400, "no such role"]);
    await expect(operatorOrder({}, patience, twice)).rejects.toThrow(new Refused("no such role"));
  });

  it("that asks only is asked again", async () => {
    const { patience } = await master(null, [503, ""], [200, '{"a":1}']);
    expect(await operatorView({}, patience)).toEqual({ a: 1 });
  });
});
