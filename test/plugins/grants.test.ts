import { expect, test } from "bun:test";
import fc from "fast-check";
import { confinementOf } from "../../src/plugin-host/confinement.ts";
import type { PluginPermissions } from "../../src/plugin-host/contract.ts";
import { type BundlePolicy, grantLines, grantsOf } from "../../src/plugin-host/grants.ts";
import { parseManifest } from "../../src/plugin-host/manifest.ts";
import { netAllows } from "../../src/plugin-host/net-grant.ts";
import type { OperatorPolicy, PluginGrant } from "../../src/policy/model.ts";
import { parseOperatorPolicy } from "../../src/policy/operator.ts";
import { manifestText } from "./folders.ts";

const none: PluginPermissions = { net: [], read: [], write: [], run: [], env: [], secrets: [] };
const plugin = (permissions: Partial<PluginPermissions>) => ({
  id: "acme/probe",
  permissions: { ...none, ...permissions },
});
const operator = (grant: PluginGrant, more: Partial<OperatorPolicy> = {}): OperatorPolicy => ({
  path: "/etc/akc/policy.yaml",
  ...more,
  plugins: { grants: new Map([["acme/probe", grant]]) },
});
const bundle = (given: {
  readonly network?: boolean;
  readonly http?: boolean;
  readonly executables?: readonly string[];
  readonly deny?: readonly string[];
}): BundlePolicy => ({
  allow: new Set(
    ["runtime.action.execute.http", "runtime.action.execute.subprocess"].filter(
      (action) => given.deny?.includes(action) !== true,
    ),
  ),
  allowNetwork: given.network === true,
  http: {
    enabled: given.http === true,
    allowlist: [],
    narrowedBy: [],
    methods: ["GET"],
    bodyBytesMax: 0,
    responseBytesMax: 0,
  },
  subprocess: {
    enabled: given.executables !== undefined,
    allowlist: given.executables ?? [],
    containment: "limits",
    readOnlyRoots: [],
    outputBytesMax: 1,
    processesMax: 1,
    openFilesMax: 1,
    fileBytesMax: 1,
  },
});

const hosts = ["a.test", "b.a.test", "c.b.a.test", "b.test", "[::1]", "10.0.0.1"];
const netItem = fc
  .tuple(
    fc.constantFrom(...hosts, "*", "*.a.test", "*.b.a.test", "*.test"),
    fc.constantFrom("80", "443", "*"),
  )
  .map(([host, port]) => `${host}:${port}`);
const pathItem = fc
  .array(fc.constantFrom("a", "b", "ab"), { maxLength: 3 })
  .map((parts) => `/${parts.join("/")}`);
const runItem = fc.constantFrom("/usr/bin/x", "/usr/bin/y", "/opt/x", "x", "y");
const nameItem = fc.constantFrom("A", "B", "C");
const listsOf = (run: fc.Arbitrary<string>) =>
  fc.record({
    net: fc.array(netItem, { maxLength: 4 }),
    read: fc.array(pathItem, { maxLength: 4 }),
    write: fc.array(pathItem, { maxLength: 4 }),
    run: fc.array(run, { maxLength: 4 }),
    env: fc.array(nameItem, { maxLength: 3 }),
    secrets: fc.array(nameItem, { maxLength: 3 }),
  });
const bundles = fc.option(
  fc
    .record({
      network: fc.boolean(),
      http: fc.boolean(),
      executables: fc.option(fc.array(runItem, { maxLength: 3 }), { nil: undefined }),
      deny: fc.subarray(["runtime.action.execute.http", "runtime.action.execute.subprocess"]),
    })
    .map(({ executables, ...rest }) => bundle(executables === undefined ? rest : { ...rest, executables })),
  { nil: undefined },
);

/** What a list of paths reaches, as a question that can be asked about any path. */
const reaches = (list: readonly string[], path: string) =>
  list.some((folder) => folder === "/" || path === folder || path.startsWith(`${folder}/`));
const paths = ["/", "/a", "/a/b", "/a/b/a", "/ab", "/ab/a", "/b", "/b/a/ab", "/x"];
const urls = [...hosts, "z.test"].flatMap((host) => [
  `http://${host}/`,
  `https://${host}/`,
  `http://${host}:81/`,
]);

test("a plugin is granted exactly what manifest, operator and bundle all permit, never more", () => {
  const absolute = runItem.filter((item) => item.startsWith("/"));
  fc.assert(
    fc.property(listsOf(runItem), listsOf(absolute), bundles, (asked, grant, policy) => {
      const granted = grantsOf({ id: "acme/probe", permissions: asked }, operator(grant), policy);
      const network =
        policy === undefined ||
        (policy.allow.has("runtime.action.execute.http") && (policy.allowNetwork || policy.http.enabled));
      for (const url of urls) {
        const permitted = network && netAllows(asked.net, url) && netAllows(grant.net, url);
        expect([url, netAllows(granted.net, url)]).toEqual([url, permitted]);
      }
      for (const kind of ["read", "write"] as const) {
        for (const path of paths) {
          const permitted = reaches(asked[kind], path) && reaches(grant[kind], path);
          expect([path, reaches(granted[kind], path)]).toEqual([path, permitted]);
        }
      }
      for (const path of granted.run) {
        expect(asked.run.some((item) => item === path || path.endsWith(`/${item}`))).toBe(true);
        expect(grant.run).toContain(path);
        if (policy !== undefined) {
          expect(policy.subprocess.enabled && policy.allow.has("runtime.action.execute.subprocess")).toBe(
            true,
          );
          expect(policy.subprocess.allowlist.some((item) => item === path || path.endsWith(`/${item}`))).toBe(
            true,
          );
        }
      }
      for (const kind of ["env", "secrets"] as const) {
        expect(new Set(granted[kind])).toEqual(
          new Set(asked[kind].filter((name) => grant[kind].includes(name))),
        );
      }
      expect(granted.requestsOnly === true).toBe(policy !== undefined && !policy.allowNetwork);
    }),
    { numRuns: 300 },
  );
});

test("everything that is taken away is told, with who said so and what is left", () => {
  const asked = plugin({
    net: ["*.a.test:443", "b.test:80"],
    read: ["/srv", "/etc/x"],
    run: ["git", "/usr/bin/tar"],
    env: ["LANG"],
  });
  const granted = grantsOf(
    asked,
    operator(
      {
        net: ["api.a.test:443", "b.test:*"],
        read: ["/srv/data", "/etc"],
        run: ["/usr/bin/git", "/usr/bin/tar"],
      },
      { subprocess: ["/usr/bin/git"] },
    ),
    bundle({ http: true, executables: [] }),
  );
  expect([granted.net, granted.read, granted.run]).toEqual([
    ["api.a.test:443", "b.test:80"],
    ["/srv/data", "/etc/x"],
    [],
  ]);
  expect(
    granted.refusals.map(({ permission, asked: item, left, by }) => [permission, item, by, left]),
  ).toEqual([
    ["net", "*.a.test:443", "operator", ["api.a.test:443"]],
    ["read", "/srv", "operator", ["/srv/data"]],
    ["run", "git", "bundle", []],
    ["run", "/usr/bin/tar", "operator", []],
    ["env", "LANG", "operator", []],
  ]);
});

test("an operator who says nothing grants nothing, except to what akc brings along", () => {
  const asked = plugin({ net: ["a.test:443"], run: ["git"] });
  expect(grantsOf(asked, undefined)).toMatchObject({ net: [], run: [], containment: "landlock" });
  expect(grantsOf(asked, undefined, undefined, { embedded: true })).toMatchObject({
    net: ["a.test:443"],
    run: ["git"],
  });
  expect(grantsOf(asked, operator({}), undefined, { embedded: true })).toMatchObject({ net: [], run: [] });
  expect(grantsOf(asked, undefined, bundle({}), { embedded: true })).toMatchObject({ net: [], run: [] });
});

test("the entry that is suggested to the operator is valid and grants all that is asked for", () => {
  const asked = plugin({
    net: ["*.a.test:443"],
    read: ["/a b"],
    run: ["git", "/usr/bin/tar"],
    secrets: ["t"],
  });
  const policy = parseOperatorPolicy(["schema: akc.policy/v1", ...grantLines(asked)].join("\n"), "p");
  expect(grantsOf(asked, policy).refusals).toEqual([]);
  expect(grantLines(plugin({}))).toEqual([]);
});

test("where the bundle permits requests only, the plugin itself may connect nowhere", () => {
  const asked = plugin({ net: ["10.0.0.1:*"] });
  const tcpUnder = (policy: BundlePolicy) =>
    confinementOf({
      plugin: {
        manifest: { ...parseManifest(manifestText(), "p").manifest, ...asked },
        root: "/",
        source: { kind: "flag", directory: "/" },
        digest: "",
        files: new Map(),
        state: { kind: "ready" },
        shadows: [],
      },
      granted: grantsOf(asked, operator({ net: ["10.0.0.1:*"] }), policy),
      program: { executable: "/bin/true", argv: [], env: {}, output: "stdout", executables: [], reads: [] },
      workdir: "/tmp",
      closed: [],
      level: "landlock",
    })?.tcp;
  expect(tcpUnder(bundle({ http: true }))).toBe(false);
  expect(tcpUnder(bundle({ http: true, network: true }))).toBe(true);
});
