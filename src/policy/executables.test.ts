import { expect, test } from "bun:test";
import { executableAllowed } from "./executables.ts";
import type { SubprocessLane } from "./model.ts";

const lane = (allowlist: readonly string[], operatorPaths?: readonly string[]): SubprocessLane => ({
  enabled: true,
  allowlist,
  ...(operatorPaths === undefined ? {} : { operatorPaths }),
  containment: "limits",
  readOnlyRoots: [],
  outputBytesMax: 1,
  processesMax: 1,
  openFilesMax: 1,
  fileBytesMax: 1,
});
const answer = (argv0: string, resolved: string, bounds: SubprocessLane, foundAs?: string): string => {
  const result = executableAllowed(argv0, resolved, bounds, foundAs === undefined ? [] : [foundAs]);
  return result.allowed ? "allowed" : result.reason;
};

test("a name matches only a name, never the last part of a path", () => {
  expect(answer("sh", "/usr/bin/dash", lane(["sh"]))).toBe("allowed");
  expect(answer("/somewhere/evil/sh", "/somewhere/evil/sh", lane(["sh"]))).toBe("not_in_bundle_allowlist");
  expect(answer("./sh", "/work/sh", lane(["sh"]))).toBe("not_in_bundle_allowlist");
  expect(answer("Sh", "/usr/bin/dash", lane(["sh"]))).toBe("not_in_bundle_allowlist");
});

test("a path matches the file itself or the very path written, and nothing else", () => {
  expect(answer("/bin/sh", "/usr/bin/dash", lane(["/bin/sh"]))).toBe("allowed");
  expect(answer("/bin/sh", "/usr/bin/dash", lane(["/usr/bin/dash"]))).toBe("allowed");
  expect(answer("sh", "/usr/bin/dash", lane(["/usr/bin/dash"]))).toBe("allowed");
  expect(answer("sh", "/usr/bin/dash", lane(["/usr/bin/sh"]), "/usr/bin/sh")).toBe("allowed");
  expect(answer("sh", "/usr/bin/dash", lane(["/usr/bin/sh"]))).toBe("not_in_bundle_allowlist");
  expect(answer("/tmp/sh", "/tmp/sh", lane(["/bin/sh"]))).toBe("not_in_bundle_allowlist");
  expect(answer("bin/sh", "/work/bin/sh", lane(["bin/sh"]))).toBe("not_in_bundle_allowlist");
  expect(answer("/bin/../tmp/sh", "/tmp/sh", lane(["/tmp"]))).toBe("not_in_bundle_allowlist");
});

test("the place a bare name was found counts only for a bare name", () => {
  expect(answer("/tmp/evil", "/tmp/evil", lane(["/usr/bin/sh"]), "/usr/bin/sh")).toBe(
    "not_in_bundle_allowlist",
  );
});

test("the operator's paths narrow by the file, however the bundle names it", () => {
  expect(answer("sh", "/usr/bin/dash", lane(["sh"], ["/usr/bin/dash"]))).toBe("allowed");
  expect(answer("/bin/sh", "/usr/bin/dash", lane(["/bin/sh"], ["/bin/sh"]))).toBe("allowed");
  expect(answer("sh", "/usr/bin/dash", lane(["sh"], ["/usr/bin/bash"]))).toBe("not_in_operator_list");
  expect(answer("sh", "/usr/bin/dash", lane(["sh"], []))).toBe("not_in_operator_list");
  expect(answer("bash", "/usr/bin/bash", lane(["sh"], ["/usr/bin/bash"]))).toBe("not_in_bundle_allowlist");
});

test("a closed lane and an empty list have reasons of their own", () => {
  expect(executableAllowed("sh", "/bin/sh", { ...lane(["sh"]), enabled: false })).toEqual({
    allowed: false,
    reason: "subprocess_disabled",
    code: "SUBPROCESS_DISABLED",
  });
  expect(executableAllowed("sh", "/bin/sh", lane([]))).toEqual({
    allowed: false,
    reason: "allowlist_empty",
    code: "SUBPROCESS_ALLOWLIST_EMPTY",
  });
});

test("an operator's path counts by every name of its folder, and by no other", () => {
  const bounds: SubprocessLane = { ...lane(["sh"]), operatorPaths: ["/bin/sh"] };
  const allowed = (names: readonly string[]) =>
    executableAllowed("sh", "/usr/bin/dash", bounds, names).allowed;
  expect(allowed(["/usr/bin/sh", "/bin/sh"])).toBe(true);
  expect(allowed(["/usr/bin/sh"])).toBe(false);
});
