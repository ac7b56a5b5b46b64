// The generated files are what the generator makes of the .proto files as they are now.
import { expect, it } from "vitest";
import { staleFiles } from "../../../scripts/generate-contract.ts";

it("src/contract/generated is up to date (npm run generate)", () => {
  expect(staleFiles()).toEqual([]);
});
