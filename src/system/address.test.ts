import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type AddressKind, classifyAddress, parseAddress } from "./address.ts";

describe("every special place is told from the public network", () => {
  test.each<[string, AddressKind]>([
    ["8.8.8.8", "public"],
    ["9.255.255.255", "public"],
    ["10.0.0.0", "private"],
    ["10.255.255.255", "private"],
    ["11.0.0.0", "public"],
    ["100.63.255.255", "public"],
    ["100.64.0.0", "shared"],
    ["100.127.255.255", "shared"],
    ["100.128.0.0", "public"],
    ["100.100.100.200", "metadata"],
    ["126.255.255.255", "public"],
    ["127.0.0.1", "loopback"],
    ["127.255.255.255", "loopback"],
    ["128.0.0.0", "public"],
    ["169.254.0.1", "link-local"],
    ["169.254.169.254", "metadata"],
    ["169.254.170.2", "metadata"],
    ["168.63.129.16", "metadata"],
    ["172.15.255.255", "public"],
    ["172.16.0.0", "private"],
    ["172.31.255.255", "private"],
    ["172.32.0.0", "public"],
    ["192.0.2.1", "reserved"],
    ["192.168.1.1", "private"],
    ["198.17.255.255", "public"],
    ["198.18.0.0", "reserved"],
    ["198.19.255.255", "reserved"],
    ["203.0.113.9", "reserved"],
    ["224.0.0.1", "multicast"],
    ["240.0.0.1", "reserved"],
    ["255.255.255.255", "reserved"],
    ["0.0.0.0", "unspecified"],
    ["0.1.2.3", "unspecified"],
    ["::", "unspecified"],
    ["::1", "loopback"],
    ["fe80::1%eth0", "link-local"],
    ["febf::1", "link-local"],
    ["fec0::1", "private"],
    ["fc00::1", "private"],
    ["fd12:3456::1", "private"],
    ["fd00:ec2::254", "metadata"],
    ["ff02::1", "multicast"],
    ["2606:4700::1111", "public"],
    ["2001:db8::1", "reserved"],
    ["2001::1", "reserved"],
    ["2001:4860:4860::8888", "public"],
    ["100::1", "reserved"],
    ["4000::1", "reserved"],
    ["64:ff9b:1::1", "private"],
  ])("%s is %s", (address, kind) => {
    expect(classifyAddress(address)).toBe(kind);
  });
});

test("an IPv4 address is what it is, in whichever IPv6 form it travels", () => {
  fc.assert(
    fc.property(fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)), ([a, b, c, d]) => {
      const v4 = `${a}.${b}.${c}.${d}`;
      const kind = classifyAddress(v4);
      const hex = (high: number, low: number) => ((high << 8) | low).toString(16);
      expect(classifyAddress(`::ffff:${v4}`)).toBe(kind);
      expect(classifyAddress(`::ffff:${hex(a, b)}:${hex(c, d)}`)).toBe(kind);
      expect(classifyAddress(`64:ff9b::${v4}`)).toBe(kind);
      expect(classifyAddress(`2002:${hex(a, b)}:${hex(c, d)}::1`)).toBe(kind);
      if (a !== 0) expect(classifyAddress(`::${v4}`)).toBe(kind);
    }),
  );
});

test("reads every IPv6 address to its sixteen bytes, however it is abbreviated", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 }), (groups) => {
      const bytes = groups.flatMap((group) => [group >> 8, group & 0xff]);
      const whole = groups.map((group) => group.toString(16)).join(":");
      const short = new URL(`http://[${whole}]/`).hostname.slice(1, -1);
      expect(parseAddress(whole)).toEqual(bytes);
      expect(parseAddress(short)).toEqual(bytes);
    }),
  );
});

test.each([
  "",
  "1",
  "127.1",
  "0x7f.0.0.1",
  "0177.0.0.1",
  "127.0.0.01",
  "256.0.0.1",
  "1.2.3.4.5",
  "localhost",
  ":",
  ":::",
  "1::2::3",
  "g::1",
  "[::1]",
  "::1]/[",
  "::1@h",
])("%p is no address, so it is never public", (text) => {
  expect(classifyAddress(text)).toBe("invalid");
});
