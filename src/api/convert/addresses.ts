// Addresses as MasterInfo has them.

/** The text if it is a dotted IPv4 address, else null. */
export function ipv4Of(text: string): string | null {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  return octets?.slice(1).every((octet) => Number(octet) <= 255) === true ? text : null;
}

/** The four octets as the number whose least significant byte is the first: 127.0.0.1 is 16777343. */
export function ipNumber(ip: string): number {
  return ip
    .split(".")
    .reverse()
    .reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

/** Splits at the last colon; null if there is no host or no port of 0 to 65535. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } | null {
  const parts = /^(.+):(\d{1,5})$/.exec(address);
  const [, host, port] = parts ?? [];
  if (host === undefined || port === undefined || Number(port) > 65_535) return null;
  return { host: unbracketed(host), port: Number(port) };
}

function unbracketed(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}
