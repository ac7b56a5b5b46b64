// `npm test`: installs what the tests need from Debian, then runs them all. Arguments go to vitest:
// `npm test -- test/unit/raft`. With TEPUI_TEST_NO_INSTALL=1 nothing is installed.
import { ensureDebianPackages } from "../src/host/debian-packages.ts";
import { runSteps } from "./steps.ts";

const PACKAGES = ["containerd", "runc", "busybox-static", "redis-server", "openssl", "iproute2", "nftables"];

if (process.env.TEPUI_TEST_NO_INSTALL !== "1") await ensureDebianPackages(PACKAGES);
const words = process.argv.slice(2);
runSteps([{ name: "tests", words: ["vitest", "run", ...words] }]);
