// Machines that operators take down and bring up over the legacy endpoints (MO15): what the recordings do not show.
import { expect, it } from "vitest";
import { ask, call } from "./support/client.ts";
import { startApi } from "./support/fixture.ts";

const NO_LIST = "Failed to parse the list of machines: expecting a JSON array";
const NESTED = 100_000;

it.each([
  ["nothing", "", NO_LIST],
  ["no JSON", "[", NO_LIST],
  ["no list", '{"machines":[]}', NO_LIST],
  ["lists in lists, very deep", "[".repeat(NESTED) + "]".repeat(NESTED), NO_LIST],
  ["an empty list", "[]", "List of machines is empty"],
  ["a machine without a name", "[{}]", "Both 'hostname' and 'ip' for a machine are empty"],
])("a body with %s is refused with what is wrong", async (_name, body, problem) => {
  const { port } = await startApi();
  for (const path of ["/machine/down", "/master/machine/up"])
    expect(await ask(port, { method: "POST", path, body })).toMatchObject({ status: 400, text: problem });
});

it("machines go down and come up", async () => {
  const { port } = await startApi();
  const machine = { hostname: "a", ip: "10.0.0.1" };
  const windows = [{ machine_ids: [machine], unavailability: { start: { nanoseconds: 1 } } }];
  const update_maintenance_schedule = { schedule: { windows } };
  const scheduled = await call(port, "/api/v1", {
    type: "UPDATE_MAINTENANCE_SCHEDULE",
    update_maintenance_schedule,
  });
  expect(scheduled).toMatchObject({ status: 200, text: "" });
  const body = JSON.stringify([machine]);
  const status = async () => JSON.parse((await ask(port, { path: "/maintenance/status" })).text);
  expect((await ask(port, { method: "POST", path: "/machine/down", body })).status).toBe(200);
  expect(await status()).toEqual({ down_machines: [machine] });
  expect((await ask(port, { method: "POST", path: "/machine/up", body })).status).toBe(200);
  expect(await status()).toEqual({});
});
