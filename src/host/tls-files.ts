// A member's certificate, its key and the authority that signs the members' certificates, read and checked before the
// member starts: what is wrong with them is said then, and not by connections that fail.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";

export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** PEM. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

/** @throws Error that names the file and what is wrong with it @param nowMs wall time */
export async function readTlsFiles(paths: TlsPaths, member: string, nowMs: number): Promise<TlsFiles> {
  const [cert, key, ca] = await Promise.all([
    read("--raft-cert", paths.cert),
    read("--raft-key", paths.key),
    read("--raft-ca", paths.ca),
  ]);
  const certificate = parsed("--raft-cert", paths.cert, () => new X509Certificate(cert));
  const privateKey = parsed("--raft-key", paths.key, () => createPrivateKey(key));
  parsed("--raft-ca", paths.ca, () => new X509Certificate(ca));
  const names = namesOf(certificate);
  if (!names.includes(member)) {
    throw new Error(
      `--raft-cert ${paths.cert} is a certificate of ${names.join(", ") || "nobody"}, not of this member: ` +
        `"${member}" must be its common name or one of its DNS names`,
    );
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(`--raft-key ${paths.key} is not the key of --raft-cert ${paths.cert}`);
  }
  if (nowMs > Date.parse(certificate.validTo)) {
    throw new Error(`--raft-cert ${paths.cert} has expired at ${certificate.validTo}`);
  }
  return { cert, key, ca };
}

/** What a certificate proves: its common names and its DNS names. */
export function namesOf(certificate: Pick<X509Certificate, "subject" | "subjectAltName">): readonly string[] {
  const common = [...certificate.subject.matchAll(/^CN=(.+)$/gm)].map(([, name = ""]) => name);
  // A name with a comma or a quote in it stands in quotes; such a name is nobody's.
  const bare = (certificate.subjectAltName ?? "").replaceAll(/"(?:[^"\\]|\\.)*"/g, "");
  const dns = [...bare.matchAll(/(?:^|, )DNS:([^,]+)/g)].map(([, name = ""]) => name);
  return [...new Set([...common, ...dns])];
}

async function read(flag: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Error(`${flag} ${path} cannot be read: ${messageOf(error)}`);
  }
}

function parsed<Value>(flag: string, path: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    throw new Error(`${flag} ${path} is not usable: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
