// `npm run build`: compiles src to dist for publishing, with the data files that the code reads at run time.
import { cpSync, existsSync, globSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runSteps } from "./steps.ts";

const root = join(import.meta.dirname, "..");
rmSync(join(root, "dist"), { recursive: true, force: true });
runSteps([{ name: "compile", words: ["tsc", "-p", "tsconfig.build.json"] }]);
for (const file of globSync("src/**/*.{proto,json,sh}", { cwd: root })) {
  const target = join(root, "dist", file.slice("src/".length));
  if (!existsSync(target)) cpSync(join(root, file), target, { recursive: true });
}
