// What `tepui master` makes of its flags.
import { expect, test } from "vitest";
import { parseMembers, shown } from "../../../src/cli/master.ts";

test("members are named with the addresses of Raft and API", () => {
  expect(parseMembers(["m1=10.0.0.1:5052,10.0.0.1:5050", "m2=[::1]:1,h:2"])).toEqual([
    { id: "m1", raftAddress: "10.0.0.1:5052", apiAddress: "10.0.0.1:5050" },
    { id: "m2", raftAddress: "[::1]:1", apiAddress: "h:2" },
  ]);
});

test("what is no member is refused with what is wrong", () => {
  for (const text of ["", "m1", "m1=h:1", "m1=h:1,h:2,h:3", "=h:1,h:2"]) {
    expect(() => parseMembers([text]), text).toThrow("name=host:raft-port,host:api-port");
  }
  expect(() => parseMembers(["m1=h:1,h:x"])).toThrow('"h:x" is not an address');
  expect(() => parseMembers(["m1=h:1,h:2", "m1=h:3,h:4"])).toThrow("m1 is there twice");
});

test("flags are shown without the secrets of URLs", () => {
  const flags = { exportRedis: "rediss://user:p@ss@redis:6379/0", port: 5050, plain: "redis://redis:6379" };
  expect(shown(flags)).toEqual({
    exportRedis: "rediss://***@redis:6379/0",
    port: "5050",
    plain: "redis://redis:6379",
  });
});
