/** What the doctor makes of hosts as they are: each state is a real one, made for the test. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AkcError } from "../errors.ts";
import { parseOperatorPolicy } from "../policy/operator.ts";
import { systemClock } from "../system/clock.ts";
import { everyCheck, examineHost, worstOf } from "./examine.ts";
import type { Check, Host } from "./host.ts";
import { type CheckName, checkNames, type Finding } from "./model.ts";

const folder = mkdtempSync(join(tmpdir(), "akc-doctor-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function host(more: Partial<Host> = {}): Host {
  return {
    outputsRoot: folder,
    env: {},
    knownVariables: ["AKC_OUTPUTS_ROOT"],
    executable: undefined,
    policy: { path: "/etc/akc/policy.yaml", named: false, read: async () => undefined },
    plugins: async () => ({ plugins: [], broken: [] }),
    clock: systemClock,
    signal: new AbortController().signal,
    ...more,
  };
}

async function one(check: CheckName, more: Partial<Host> = {}): Promise<readonly Finding[]> {
  return examineHost(host(more), [check]);
}

const place = (name: string) => join(folder, name);

test("every check answers for itself, in the order of their names", async () => {
  const findings = await examineHost(host());
  const order = [...new Set(findings.map(({ check }) => check))];
  expect(order).toEqual([...checkNames]);
  for (const { severity, fix, says } of findings) {
    expect(says).not.toBe("");
    if (severity === "warning" || severity === "fault") expect(fix).toBeTruthy();
  }
});

test("a check that breaks or hangs is a finding, and hides no other", async () => {
  const fine: Check = async () => [{ check: "kernel", severity: "ok", says: "fine" }];
  const broken: Readonly<Record<CheckName, Check>> = {
    ...everyCheck,
    kernel: fine,
    disk: async () => {
      throw new Error("the disk is on fire");
    },
    docker: ({ signal }: Host) =>
      new Promise<readonly Finding[]>((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(new Error("late"))),
      ),
  };
  // Whoever hangs is waited for by the clock that is handed in.
  const hurried = { ...systemClock, sleep: () => Bun.sleep(5) };
  const findings = await examineHost(host({ clock: hurried }), ["kernel", "disk", "docker"], broken);
  expect(findings.map(({ severity }) => severity)).toEqual(["ok", "warning", "warning"]);
  expect(findings[1]?.says).toBe("the check could not be made: the disk is on fire");
  expect(findings[2]?.says).toContain("gave no answer");
  expect(worstOf(findings)).toBe("warning");
});

test("an outputs root that cannot hold runs is a fault, and one that is not there yet is none", async () => {
  expect(worstOf(await one("disk"))).not.toBe("fault");
  writeFileSync(place("file"), "");
  expect(await one("disk", { outputsRoot: place("file") })).toMatchObject([{ severity: "fault" }]);
  const later = await one("disk", { outputsRoot: place("not/yet") });
  expect(later[0]).toMatchObject({ severity: "note" });
  expect(worstOf(later)).not.toBe("fault");
  expect(await one("disk", { outputsRoot: "/proc/self" })).toMatchObject([{ severity: "fault" }]);
});

test("a policy that is broken, missing or open to others is told with its place", async () => {
  expect(await one("policy_file")).toMatchObject([{ severity: "note" }]);
  const path = place("policy.yaml");
  const policy = {
    path,
    named: true,
    read: async () => parseOperatorPolicy(await Bun.file(path).text(), path),
  };
  writeFileSync(path, "schema: akc.policy/v1\nsubproces: []\n", { mode: 0o600 });
  const [broken] = await one("policy_file", { policy });
  expect(broken).toMatchObject({ severity: "fault", details: { code: "POLICY_FILE_INVALID" } });
  expect(broken?.says).toContain("2:1");
  writeFileSync(path, "schema: akc.policy/v1\n", { mode: 0o600 });
  expect(await one("policy_file", { policy })).toMatchObject([{ severity: "ok" }]);
  chmodSync(path, 0o666);
  expect(await one("policy_file", { policy })).toMatchObject([
    { severity: "fault", fix: expect.stringContaining("chmod") },
  ]);
  const gone = { ...policy, read: () => Promise.reject(new AkcError("FILE_NOT_FOUND")) };
  expect(await one("policy_file", { policy: gone })).toMatchObject([{ severity: "fault" }]);
});

test("programs that are not there are notes, programs that do not answer are warnings", async () => {
  const nowhere = {
    AKC_DOCKER: "/nowhere/docker",
    AKC_KUBECTL: "/nowhere/kubectl",
    AKC_SYSTEMCTL: "/nowhere/systemctl",
  };
  for (const check of ["docker", "kubernetes", "systemd"] as const)
    expect(await one(check, { env: nowhere })).toMatchObject([{ check, severity: "note" }]);
  const sulking = place("sulking");
  writeFileSync(sulking, "#!/bin/sh\necho 'Cannot connect to the daemon' >&2\nexit 1\n", { mode: 0o755 });
  expect(await one("docker", { env: { AKC_DOCKER: sulking } })).toMatchObject([
    { severity: "warning", says: expect.stringContaining("Cannot connect to the daemon") },
    { severity: "warning" },
  ]);
  const cluster = place("cluster");
  writeFileSync(cluster, '#!/bin/sh\n[ "$1" = config ] && echo lab && exit 0\necho "refused" >&2\nexit 1\n', {
    mode: 0o755,
  });
  expect(await one("kubernetes", { env: { AKC_KUBECTL: cluster } })).toMatchObject([
    { severity: "warning", details: { context: "lab" } },
  ]);
});

test("variables that steer from behind are named, never shown, and a misspelt one is told", async () => {
  const env = { NODE_OPTIONS: "--require /tmp/s3cret", AKC_OUTPUT_ROOT: "/srv/s3cret", LD_PRELOAD: "x.so" };
  const findings = await one("environment", { env });
  expect(findings.map(({ says }) => says.split(" ")[0])).toEqual([
    "AKC_OUTPUT_ROOT",
    "LD_PRELOAD",
    "NODE_OPTIONS",
  ]);
  expect(JSON.stringify(findings)).not.toContain("s3cret");
  expect(findings[0]?.fix).toContain("AKC_OUTPUTS_ROOT");
  expect(await one("environment", { env: { NODE_OPTIONS: "" } })).toMatchObject([{ severity: "ok" }]);
});

test("a binary that others can change is told", async () => {
  const safe = mkdtempSync("/var/tmp/akc-doctor-bin-");
  try {
    const path = join(safe, "akc");
    writeFileSync(path, "", { mode: 0o755 });
    expect(await one("binary", { executable: path })).toMatchObject([{ severity: "ok" }]);
    chmodSync(path, 0o777);
    expect(await one("binary", { executable: path })).toMatchObject([{ severity: "warning" }]);
    chmodSync(path, 0o4755);
    expect(await one("binary", { executable: path })).toMatchObject([{ severity: "fault" }]);
  } finally {
    rmSync(safe, { recursive: true });
  }
});

test("a clock behind what was written already is told", async () => {
  const scope = join(folder, "acme/shop/.akc/runtime");
  mkdirSync(scope, { recursive: true });
  writeFileSync(join(scope, "state.sqlite3"), "");
  const later = Date.now() / 1_000 + 86_400;
  utimesSync(join(scope, "state.sqlite3"), later, later);
  expect((await one("clock"))[0]).toMatchObject({
    severity: "warning",
    says: expect.stringContaining("still to come"),
  });
});

test("what is printed to be typed does nothing else, whatever a variable or a folder is called", async () => {
  const named = await one("environment", { env: { "AKC_OUTPUTS_ROO;id": "1", "BUN_$(id)": "1" } });
  expect(named.map(({ severity }) => severity)).toEqual(["warning", "warning"]);
  for (const { fix } of named) expect(fix).not.toMatch(/[;$]/);
  const open = join(folder, "it's $(id)");
  mkdirSync(open);
  writeFileSync(join(open, "policy.yaml"), "");
  chmodSync(join(open, "policy.yaml"), 0o666);
  const [found] = await one("policy_file", {
    policy: { path: join(open, "policy.yaml"), named: true, read: async () => undefined },
  });
  expect(found?.fix).toContain(`'${folder}/it'\\''s $(id)/policy.yaml'`);
});
