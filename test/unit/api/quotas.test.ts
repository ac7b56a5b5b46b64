// Quotas over the api (MO17, AL05): what the recordings do not show.
import { describe, expect, it } from "vitest";
import { ask, call } from "./support/client.ts";
import { startApi } from "./support/fixture.ts";
import { OTHER } from "./support/local-master.ts";

const JSON_TYPE = { "Content-Type": "application/json" };
type Units = Readonly<Record<string, number>>;

function config(role: string, limits: Units, guarantees: Units = {}) {
  const scalars = (units: Units) =>
    Object.fromEntries(Object.entries(units).map(([name, value]) => [name, { value }]));
  return { role, limits: scalars(limits), guarantees: scalars(guarantees) };
}

function update(port: number, quota_configs: readonly object[], force = false) {
  return call(port, "/api/v1", { type: "UPDATE_QUOTA", update_quota: { force, quota_configs } });
}

function set(port: number, quota_request: object) {
  return call(port, "/api/v1", { type: "SET_QUOTA", set_quota: { quota_request } });
}

async function status(port: number) {
  const { text } = await call(port, "/api/v1", { type: "GET_QUOTA" });
  return JSON.parse(text).get_quota.status;
}

const cpus = (value: number) => ({ name: "cpus", type: "SCALAR", scalar: { value } });

describe("quotas", () => {
  it("are listed by role, and the same under /quota", async () => {
    const { port } = await startApi();
    expect(await update(port, [config("web", { mem: 0 }), config("dev", { cpus: 1.23456 })])).toMatchObject({
      status: 200,
      text: "",
    });
    const shown = {
      infos: [{ role: "dev" }, { role: "web" }],
      configs: [
        { role: "dev", limits: { cpus: { value: 1.235 } } },
        { role: "web", limits: { mem: { value: 0 } } },
      ],
    };
    expect(await status(port)).toEqual(shown);
    expect(JSON.parse((await ask(port, { path: "/master/quota" })).text)).toEqual(shown);
  });

  it("that were emptied stay on record, those that were removed do not (MO17)", async () => {
    const { port } = await startApi();
    await update(port, [config("dev", { cpus: 1 }), config("web", { cpus: 1 })]);
    await update(port, [{ role: "dev" }]);
    expect(await ask(port, { method: "DELETE", path: "/quota/web" })).toMatchObject({
      status: 200,
      text: "",
    });
    expect(await status(port)).toEqual({ infos: [{ role: "dev" }], configs: [{ role: "dev" }] });
  });

  it("that cannot be are refused, and none of the call is set", async () => {
    const { port } = await startApi();
    const refused = async (...configs: readonly object[]) => {
      const answer = await update(port, [config("ok", { cpus: 1 }), ...configs]);
      expect(answer.status).toBe(400);
      return answer.text;
    };
    expect(await refused(config("dev", { cpus: -1 }))).toContain(
      "Invalid limit configuration {'cpus': -1}: ",
    );
    expect(await refused(config("dev", {}, { mem: 1e12 }))).toContain(
      "Invalid guarantee configuration {'mem': ",
    );
    expect(await refused(config("a", { cpus: 1 }), config("a/b", { cpus: 2 }))).toBe(
      "Invalid QuotaConfig: The limit of role 'a/b', cpus:2, exceeds that of role 'a', cpus:1",
    );
    expect(await refused(config("dev", { cpus: 1, mem: 1 }, { cpus: 2, mem: 1 }))).toBe(
      "Invalid QuotaConfig: 'QuotaConfig.guarantees' { cpus: 2, mem: 1 } is not contained within the 'QuotaConfig.limits' { cpus: 1, mem: 1 }",
    );
    const many = Array.from({ length: 1_000 }, (_, n) => config(`r${n}`, { cpus: 1 }));
    expect(await refused(...many)).toBe("Invalid QuotaConfig: More than 1000 quotas at once");
    const names = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`n${n}`, 1]));
    expect(await refused(config("dev", names))).toContain("101 amounts");
    expect(await status(port)).toEqual({});
  });

  it("beyond the cluster's capacity are a 400 in UPDATE_QUOTA and a 409 in SET_QUOTA, unless forced", async () => {
    const { port } = await startApi();
    expect(await update(port, [config("dev", {}, { cpus: 1 })])).toMatchObject({
      status: 400,
      text: "Invalid QuotaConfig: total quota guarantees 'cpus:1' exceed cluster capacity '' (use 'force' flag to bypass this check)",
    });
    expect(await set(port, { role: "dev", guarantee: [cpus(1)] })).toMatchObject({ status: 409 });
    expect((await update(port, [config("dev", {}, { cpus: 1 })], true)).status).toBe(200);
    expect((await set(port, { role: "old", guarantee: [cpus(1)], force: true })).status).toBe(200);
    expect(await status(port)).toMatchObject({
      configs: [
        { role: "dev" },
        { role: "old", guarantees: { cpus: { value: 1 } }, limits: { cpus: { value: 1 } } },
      ],
    });
  });

  it("of the old form name scalars, each once, and nothing else", async () => {
    const { port } = await startApi();
    const refused = async (request: object) => {
      const answer = await set(port, request);
      expect(answer.status).toBe(400);
      return answer.text.replace("Failed to validate set quota request: ", "");
    };
    expect(await refused({ guarantee: [cpus(1)] })).toBe("QuotaInfo must specify a role");
    expect(await refused({ role: "a b", guarantee: [cpus(1)] })).toContain("QuotaInfo with invalid role: ");
    expect(await refused({ role: "dev", guarantee: [cpus(1), cpus(1)] })).toContain(
      "duplicate resource name 'cpus'",
    );
    const ports = { name: "ports", type: "RANGES", ranges: { range: [{ begin: 1, end: 2 }] } };
    expect(await refused({ role: "dev", guarantee: [ports] })).toContain("non-scalar");
    expect(await refused({ role: "dev", guarantee: [{ ...cpus(1), revocable: {} }] })).toContain(
      "RevocableInfo",
    );
    await set(port, { role: "dev", guarantee: [cpus(1)], force: true });
    expect(await refused({ role: "dev", guarantee: [cpus(1)], force: true })).toContain("already has quota");
  });

  it("of nested roles are removed by their whole path", async () => {
    const { port } = await startApi();
    await update(port, [config("a/b", { cpus: 1 })]);
    expect((await ask(port, { method: "DELETE", path: "/master/quota/a/b?x=1" })).status).toBe(200);
    expect(await ask(port, { method: "DELETE", path: "/quota/a%2Fb" })).toMatchObject({
      status: 400,
      text: "Failed to remove quota for path '/master/quota/a%2Fb': Role 'a/b' has no quota set",
    });
    expect((await ask(port, { method: "DELETE", path: "/quota/%" })).status).toBe(400);
    expect((await ask(port, { method: "DELETE", path: "/quota" })).status).toBe(400);
  });

  it("over /quota take GET, POST and DELETE, of the leader", async () => {
    const { port, master } = await startApi();
    const body = JSON.stringify({ role: "old", guarantee: [cpus(1)], force: true });
    expect((await ask(port, { method: "POST", path: "/quota", headers: JSON_TYPE, body })).status).toBe(200);
    const bad = await ask(port, { method: "POST", path: "/quota", headers: JSON_TYPE, body: "{" });
    expect(bad.status).toBe(400);
    expect(bad.text).toMatch(/^Failed to parse set quota request JSON '{': /);
    const put = await ask(port, { method: "PUT", path: "/quota", headers: JSON_TYPE, body });
    expect(put).toMatchObject({ status: 405, headers: { allow: "GET, POST, DELETE" } });
    master.lose(OTHER);
    expect((await ask(port, { path: "/quota" })).headers.location).toBe("//127.0.0.2:5050/quota");
  });

  it("stand in /roles beside what is consumed, and make a role known", async () => {
    const { port } = await startApi();
    await update(port, [config("ops/night", { cpus: 2 }, { cpus: 1 })], true);
    const { roles } = JSON.parse((await ask(port, { path: "/roles" })).text);
    expect(roles).toMatchObject([
      { name: "ops", quota: { role: "ops", guarantee: {}, limit: {}, consumed: {} } },
      { name: "ops/night", quota: { guarantee: { cpus: 1 }, limit: { cpus: 2 }, consumed: {} } },
    ]);
    const listed = JSON.parse((await call(port, "/api/v1", { type: "GET_ROLES" })).text).get_roles.roles;
    expect(listed).toMatchObject([{ name: "ops" }, { name: "ops/night", weight: 1 }]);
  });
});
