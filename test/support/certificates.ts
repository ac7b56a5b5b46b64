// An authority and certificates for tests, made by openssl in a folder of the test's own.
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TlsPaths } from "../../src/host/tls-files.ts";

const run = promisify(execFile);
const DAYS = "30";

export interface Authority {
  /** A certificate with this common name, and DNS names if they are given. */
  issue(name: string, dnsNames?: readonly string[]): Promise<TlsPaths>;
}

export async function makeAuthority(folder: string, name: string): Promise<Authority> {
  const ca = join(folder, `${name}.crt`);
  const caKey = join(folder, `${name}.key`);
  await makeKey(caKey);
  await openssl("req", "-x509", "-new", "-key", caKey, "-subj", `/CN=${name}`, "-days", DAYS, "-out", ca);
  let issued = 0;
  return {
    async issue(commonName, dnsNames = []) {
      const base = join(folder, `${name}-${++issued}`);
      const paths = { cert: `${base}.crt`, key: `${base}.key`, ca };
      await makeKey(paths.key);
      await openssl("req", "-new", "-key", paths.key, "-subj", `/CN=${commonName}`, "-out", `${base}.csr`);
      const names = dnsNames.map((dns) => `DNS:${dns}`).join(",");
      await writeFile(`${base}.ext`, names === "" ? "" : `subjectAltName=${names}\n`);
      const sign = ["x509", "-req", "-in", `${base}.csr`, "-CA", ca, "-CAkey", caKey, "-CAcreateserial"];
      await openssl(...sign, "-days", DAYS, "-extfile", `${base}.ext`, "-out", paths.cert);
      return paths;
    },
  };
}

function makeKey(path: string): Promise<void> {
  return openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path);
}

async function openssl(...words: string[]): Promise<void> {
  await run("openssl", words);
}
