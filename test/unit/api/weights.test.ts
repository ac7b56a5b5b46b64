// Weights over the api (MO10, AL03): what the recordings do not show.
import { describe, expect, it } from "vitest";
import { parseInitialWeights } from "../../../src/host/initial-weights.ts";
import { ask, call, subscribe } from "./support/client.ts";
import { startApi } from "./support/fixture.ts";
import { OTHER } from "./support/local-master.ts";

const JSON_TYPE = { "Content-Type": "application/json" };

function update(port: number, ...weight_infos: readonly object[]) {
  return call(port, "/api/v1", { type: "UPDATE_WEIGHTS", update_weights: { weight_infos } });
}

function put(port: number, body: string) {
  return ask(port, { method: "PUT", path: "/master/weights", headers: JSON_TYPE, body });
}

async function weights(port: number) {
  return JSON.parse((await ask(port, { method: "GET", path: "/weights" })).text);
}

describe("weights", () => {
  it("are counted in thousandths, and listed by role", async () => {
    const { port } = await startApi();
    expect(await update(port, { role: "web", weight: 1.23456 }, { role: " dev ", weight: 2 })).toMatchObject({
      status: 200,
      text: "",
    });
    expect(await weights(port)).toEqual([
      { role: "dev", weight: 2 },
      { role: "web", weight: 1.235 },
    ]);
  });

  it("in a body that is nested too deep are refused", async () => {
    const { port } = await startApi();
    const { status, text } = await put(port, "[".repeat(100_000) + "]".repeat(100_000));
    expect([status, text.slice(-14)]).toEqual([400, ": syntax error"]);
  });

  it("of a role that comes twice are the last one", async () => {
    const { port } = await startApi();
    await put(port, '[{"role":"dev","weight":2},{"role":"dev","weight":3}]');
    expect(await weights(port)).toEqual([{ role: "dev", weight: 3 }]);
  });

  it("that cannot be kept are refused, and none of the call is set", async () => {
    const { port } = await startApi();
    const refused = async (weight: number) =>
      (await update(port, { role: "ok", weight: 1 }, { role: "dev", weight })).text;
    expect(await refused(0)).toContain("Invalid weight '0': Weights must be positive");
    expect(await refused(0.0004)).toContain("Weights must be between 0.001 and 1000000");
    expect(await refused(1e9)).toContain("Weights must be between 0.001 and 1000000");
    const many = Array.from({ length: 1_001 }, (_, n) => ({ role: `r${n}`, weight: 2 }));
    expect((await update(port, ...many)).text).toBe("More than 1000 weights at once");
    expect(await weights(port)).toEqual([]);
  });

  it("in a body of another form are refused with what is wrong", async () => {
    const { port } = await startApi();
    expect((await put(port, "{")).text).toMatch(/^Failed to parse update weights request JSON '{': /);
    const shapeless = await put(port, '[{"role":"dev"}]');
    expect(shapeless.status).toBe(400);
    expect(shapeless.text).toMatch(/^Failed to convert weights JSON array to protobuf /);
  });

  it("are not set by a method that Mesos does not know here", async () => {
    const { port } = await startApi();
    const answer = await ask(port, { method: "POST", path: "/weights", headers: JSON_TYPE, body: "[]" });
    expect(answer).toMatchObject({ status: 405, headers: { allow: "GET, PUT" } });
    expect(answer.text).toContain("Expecting one of { 'GET', 'PUT' }, but received 'POST'.");
  });

  it("are the leader's business", async () => {
    const { master, port } = await startApi();
    master.lose(OTHER);
    expect((await put(port, "[]")).headers.location).toBe("//127.0.0.2:5050/master/weights");
    expect((await ask(port, { method: "GET", path: "/weights" })).status).toBe(307);
  });
});

describe("roles", () => {
  it("are those that frameworks have or that were ever given a weight, and all above them", async () => {
    const { port } = await startApi();
    const framework = await subscribe(port, {
      user: "root",
      name: "f",
      roles: ["eng/ads"],
      capabilities: [{ type: "MULTI_ROLE" }],
    });
    await update(port, { role: "eng", weight: 2 }, { role: "ops/night", weight: 1 });
    const listed = JSON.parse((await call(port, "/api/v1", { type: "GET_ROLES" })).text).get_roles.roles;
    expect(listed).toMatchObject([
      { name: "eng", weight: 2 },
      { name: "eng/ads", weight: 1, frameworks: [{}] },
      { name: "ops", weight: 1 },
      { name: "ops/night", weight: 1 },
    ]);
    const legacy = JSON.parse((await ask(port, { method: "GET", path: "/roles" })).text).roles;
    expect(legacy.map(({ name, weight }: { name: string; weight: number }) => [name, weight])).toEqual(
      listed.map(({ name, weight }: { name: string; weight: number }) => [name, weight]),
    );
    framework.close();
  });
});

describe("--weights", () => {
  it("is a list of role=weight", () => {
    expect(parseInitialWeights(["dev=2.5", " web = 1 "])).toEqual([
      { role: "dev", weightMillis: 2_500 },
      { role: "web", weightMillis: 1_000 },
    ]);
    expect(() => parseInitialWeights(["dev"])).toThrow('--weights "dev" is not of the form role=weight');
    expect(() => parseInitialWeights(["dev=x"])).toThrow("Weights must be positive");
    expect(() => parseInitialWeights(["a b=1"])).toThrow("contains backspace or whitespace");
  });
});
