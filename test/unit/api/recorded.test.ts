// The recorded exchanges against the api in front of a LocalMaster and a scripted agent: quick, and without processes.
// test/conformance/recorded does the same with a real cluster.
import { recordedExchanges } from "../../conformance/recorded/suite.ts";
import { startLocalTarget } from "./support/local-target.ts";

recordedExchanges(startLocalTarget);
