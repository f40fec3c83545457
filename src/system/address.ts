/**
 * Says what kind of place an IP address is, so that a client can refuse to be led into its own network.
 * Never resolves a name; an address it cannot read is `invalid`, and only `public` ones are harmless.
 *
 * Source: IANA IPv4 and IPv6 Special-Purpose Address Registries; RFC 6890, 6052, 3056, 4291.
 */
export type AddressKind =
  | "public"
  | "loopback"
  | "private"
  | "link-local"
  /** Carrier-grade NAT, RFC 6598. */
  | "shared"
  /** A cloud's instance metadata or credential service. */
  | "metadata"
  | "multicast"
  | "unspecified"
  /** Documentation, benchmarks, tunnels, future use: nothing an honest server stands on. */
  | "reserved"
  | "invalid";

/** `address` is IPv4 in four decimal parts, or IPv6 with or without a zone (`%eth0`), never in brackets. */
export function classifyAddress(address: string): AddressKind {
  const bytes = parseAddress(address);
  if (bytes === undefined) return "invalid";
  return bytes.length === 4 ? classifyV4(bytes) : classifyV6(bytes);
}

/** The bytes of an address, 4 or 16, or undefined when the text is none. */
export function parseAddress(address: string): readonly number[] | undefined {
  return address.includes(":") ? parseV6(address.replace(/%.*$/s, "")) : parseV4(address);
}

type Range = readonly [network: string, bits: number, kind: AddressKind];

// The first range that holds the address decides.
const v4Ranges: readonly Range[] = [
  ["169.254.169.254", 32, "metadata"],
  // ECS task and EKS pod credentials, Alibaba, Oracle, Azure's wire server.
  ["169.254.170.2", 32, "metadata"],
  ["169.254.170.23", 32, "metadata"],
  ["100.100.100.200", 32, "metadata"],
  ["192.0.0.192", 32, "metadata"],
  ["168.63.129.16", 32, "metadata"],
  ["0.0.0.0", 8, "unspecified"],
  ["10.0.0.0", 8, "private"],
  ["100.64.0.0", 10, "shared"],
  ["127.0.0.0", 8, "loopback"],
  ["169.254.0.0", 16, "link-local"],
  ["172.16.0.0", 12, "private"],
  ["192.0.0.0", 24, "reserved"],
  ["192.0.2.0", 24, "reserved"],
  ["192.88.99.0", 24, "reserved"],
  ["192.168.0.0", 16, "private"],
  ["198.18.0.0", 15, "reserved"],
  ["198.51.100.0", 24, "reserved"],
  ["203.0.113.0", 24, "reserved"],
  ["224.0.0.0", 4, "multicast"],
  ["240.0.0.0", 4, "reserved"],
];

const v6Ranges: readonly Range[] = [
  ["::", 128, "unspecified"],
  ["::1", 128, "loopback"],
  ["fd00:ec2::254", 128, "metadata"],
  ["fd00:ec2::23", 128, "metadata"],
  ["fd20:ce::254", 128, "metadata"],
  ["fc00::", 7, "private"],
  ["fe80::", 10, "link-local"],
  ["fec0::", 10, "private"],
  ["ff00::", 8, "multicast"],
  // NAT64 for local use: what is behind it is the network's own business.
  ["64:ff9b:1::", 48, "private"],
  // Teredo, ORCHID and the other protocol assignments.
  ["2001::", 23, "reserved"],
  ["2001:db8::", 32, "reserved"],
  ["3fff::", 20, "reserved"],
  ["2000::", 3, "public"],
];

/** Prefixes in which an IPv4 address is written; that one decides. */
const embeddings: readonly (readonly [network: string, bits: number, offset: number])[] = [
  // Mapped, NAT64, compatible, 6to4.
  ["::ffff:0:0", 96, 12],
  ["64:ff9b::", 96, 12],
  ["::", 96, 12],
  ["2002::", 16, 2],
];

function classifyV4(bytes: readonly number[]): AddressKind {
  return kindIn(v4Table, bytes) ?? "public";
}

function classifyV6(bytes: readonly number[]): AddressKind {
  // `::` and `::1` stand inside the compatible prefix and mean something of their own.
  const own = kindIn(v6Table, bytes);
  if (own !== undefined && own !== "public") return own;
  for (const { network, bits, offset } of embeddingTable) {
    if (within(bytes, network, bits)) return classifyV4(bytes.slice(offset, offset + 4));
  }
  return own ?? "reserved";
}

interface Entry {
  readonly network: readonly number[];
  readonly bits: number;
  readonly kind: AddressKind;
}

const v4Table = v4Ranges.map(entryOf);
const v6Table = v6Ranges.map(entryOf);
const embeddingTable = embeddings.map(([text, bits, offset]) => ({
  network: parseAddress(text) ?? [],
  bits,
  offset,
}));

function entryOf([text, bits, kind]: Range): Entry {
  return { network: parseAddress(text) ?? [], bits, kind };
}

function kindIn(table: readonly Entry[], bytes: readonly number[]): AddressKind | undefined {
  return table.find(({ network, bits }) => within(bytes, network, bits))?.kind;
}

function within(bytes: readonly number[], network: readonly number[], bits: number): boolean {
  for (let at = 0, left = bits; left > 0; at += 1, left -= 8) {
    const mask = left >= 8 ? 0xff : (0xff << (8 - left)) & 0xff;
    if (((bytes[at] ?? 0) & mask) !== ((network[at] ?? 0) & mask)) return false;
  }
  return true;
}

function parseV4(text: string): readonly number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 0xff) ? bytes : undefined;
}

function parseV6(text: string): readonly number[] | undefined {
  const host = /^[\da-f:.]+$/i.test(text) ? URL.parse(`http://[${text}]/`)?.hostname : undefined;
  if (host === undefined) return undefined;
  // WHATWG writes hexadecimal groups only, with at most one `::`.
  const [head = "", tail] = host.slice(1, -1).split("::");
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  const groups =
    tail === undefined
      ? before
      : [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return groups.flatMap((group) => [group >> 8, group & 0xff]);
}

function groupsOf(text: string): readonly number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}
