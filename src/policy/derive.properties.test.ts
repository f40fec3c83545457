import { expect, test } from "bun:test";
import fc from "fast-check";
import type { JsonObject, JsonValue } from "../json/value.ts";
import { bundleOf } from "./bundle.fixture.ts";
import { derivePolicy } from "./derive.ts";
import { containmentLevels, type OperatorPolicy, policyActions, type RunPolicy } from "./model.ts";

const action = () => fc.constantFrom<string>(...policyActions, "x.custom");
const actions = () => fc.uniqueArray(action(), { maxLength: 8 });
const rarely = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
/** An object with any of the members. */
const some = (members: Readonly<Record<string, fc.Arbitrary<JsonValue>>>): fc.Arbitrary<JsonObject> =>
  fc
    .tuple(
      ...Object.entries(members).map(([key, value]) => rarely(value.map((inner) => [key, inner] as const))),
    )
    .map((entries) => Object.fromEntries(entries.filter((entry) => entry !== undefined)));
const host = () => fc.constantFrom("example.com", "https://api.example.com/v1", "127.0.0.1");
const count = () => fc.integer({ min: 1, max: 2 ** 40 });

const denyLists = (): fc.Arbitrary<JsonObject> =>
  some({ runtime_allow_actions: actions(), runtime_deny_actions: actions() });

const bundles = () =>
  fc
    .record({
      envelope: some({
        allow_actions: actions(),
        deny_actions: actions(),
        deny_runtime_actions: actions(),
        knowledge_network_egress_forbidden: fc.boolean(),
        knowledge_derived_deny_actions: actions(),
        runtime_allow_subprocess: fc.boolean(),
        runtime_allow_http: fc.boolean(),
        http_allowlist: fc.array(host(), { maxLength: 2 }),
      }),
      policies: fc.array(
        fc
          .record({ id: fc.constantFrom("p1", "p2"), metadata: denyLists() })
          .map((policy): JsonObject => policy),
        { maxLength: 3 },
      ),
      irPolicies: fc.dictionary(fc.constantFrom("ir1", "p1"), denyLists(), { noNullPrototype: true }),
      metadata: some({
        coordination_inherit_http_allowlist: fc.boolean(),
        coordination_agent_worker_http_allowlist: fc.array(host(), { maxLength: 2 }),
        runtime_execution: some({
          allow_subprocess: fc.boolean(),
          subprocess_allowlist: fc.constantFrom(["echo"], ["/bin/sh", "echo"], []),
          allow_http: fc.boolean(),
          http_allowlist: fc.array(host(), { maxLength: 2 }),
        }),
      }),
      projection: some({
        operating_bounds_effective: fc.record({ max_seconds: count() }).map((bounds): JsonObject => bounds),
      }),
    })
    .map(bundleOf);

const operators = (): fc.Arbitrary<OperatorPolicy> =>
  fc
    .record({
      allowActions: rarely(actions()),
      denyActions: rarely(actions()),
      subprocess: rarely(fc.subarray(["/bin/sh", "/usr/bin/echo"])),
      http: rarely(fc.array(host(), { maxLength: 2 })),
      providers: rarely(fc.subarray(["in_memory", "docker_compose_apply"])),
      containment: rarely(fc.constantFrom(...containmentLevels)),
      requireEffects: rarely(fc.boolean()),
      policies: rarely(
        fc.constant(
          new Map([
            ["p1", { denyActions: ["runtime.action.retry"] }],
            ["p2", { acknowledge: true as const }],
            ["ir1", { allowActions: ["runtime.action.dispatch"] }],
          ]),
        ),
      ),
      limits: rarely(
        fc.record(
          {
            runSeconds: count(),
            actionSeconds: count(),
            actionsInFlight: count(),
            outputBytes: count(),
            memoryBytes: count(),
            processes: count(),
            openFiles: count(),
            fileBytes: count(),
          },
          { requiredKeys: [] },
        ),
      ),
    })
    .map((settings) => withoutUndefined({ path: "/etc/akc/policy.yaml", ...settings }));

/** Exactly what a parsed file looks like: a setting is there, or it is not. */
function withoutUndefined(
  settings: { readonly [K in keyof OperatorPolicy]: OperatorPolicy[K] | undefined },
): OperatorPolicy {
  const present = Object.entries(settings).filter(([, value]) => value !== undefined);
  return Object.assign({ path: "" }, Object.fromEntries(present));
}

/** Whether `narrow` permits nothing that `wide` does not: actions, lanes, bounds. */
function expectNoWider(narrow: RunPolicy, wide: RunPolicy): void {
  for (const action of narrow.allow) expect(wide.allow.has(action)).toBe(true);
  for (const action of wide.deny) expect(narrow.deny.has(action)).toBe(true);
  expect(narrow.subprocess.enabled && !wide.subprocess.enabled).toBe(false);
  expect(narrow.subprocess.allowlist).toEqual(wide.subprocess.allowlist);
  if (wide.subprocess.operatorPaths !== undefined) {
    expect(narrow.subprocess.operatorPaths).toEqual(wide.subprocess.operatorPaths);
  }
  const level = (policy: RunPolicy) => containmentLevels.indexOf(policy.subprocess.containment);
  expect(level(narrow)).toBeGreaterThanOrEqual(level(wide));
  for (const bound of ["outputBytesMax", "processesMax", "openFilesMax", "fileBytesMax"] as const) {
    expect(narrow.subprocess[bound]).toBeLessThanOrEqual(wide.subprocess[bound]);
  }
  const memory = (policy: RunPolicy) => policy.subprocess.memoryBytesMax ?? Number.POSITIVE_INFINITY;
  expect(memory(narrow)).toBeLessThanOrEqual(memory(wide));
  for (const lane of ["http", "agentWorkerHttp"] as const) {
    const [inner, outer] = [narrow[lane], wide[lane]];
    if (inner === undefined || !inner.enabled) continue;
    expect(outer?.enabled).toBe(true);
    expect(inner.allowlist).toEqual(outer?.allowlist ?? []);
    for (const list of outer?.narrowedBy ?? []) expect(inner.narrowedBy).toContainEqual(list);
  }
  expect(narrow.actionDeadlineMsMax).toBeLessThanOrEqual(wide.actionDeadlineMsMax);
  expect(narrow.actionsInFlightMax).toBeLessThanOrEqual(wide.actionsInFlightMax);
  const deadline = (policy: RunPolicy) => policy.runDeadlineMs ?? Number.POSITIVE_INFINITY;
  expect(deadline(narrow)).toBeLessThanOrEqual(deadline(wide));
  expect(wide.requireEffects && !narrow.requireEffects).toBe(false);
  if (wide.providers !== undefined) expect(narrow.providers).toEqual(wide.providers);
}

test("an operator's file never allows more than the bundle alone", () => {
  fc.assert(
    fc.property(bundles(), operators(), (bundle, operator) => {
      expectNoWider(derivePolicy(bundle, "simulate", operator), derivePolicy(bundle, "simulate"));
    }),
    { numRuns: 500 },
  );
});

test("removing a key from the operator's file never narrows", () => {
  const keys = ["allowActions", "denyActions", "subprocess", "http", "providers", "containment"] as const;
  fc.assert(
    fc.property(
      bundles(),
      operators(),
      fc.constantFrom(...keys, "requireEffects" as const, "policies" as const, "limits" as const),
      (bundle, operator, key) => {
        const shorter = withoutUndefined({ ...operator, [key]: undefined });
        expectNoWider(derivePolicy(bundle, "simulate", operator), derivePolicy(bundle, "simulate", shorter));
      },
    ),
    { numRuns: 500 },
  );
});

test("deny wins over every allow list, wherever the two stand", () => {
  fc.assert(
    fc.property(bundles(), operators(), (bundle, operator) => {
      const { allow, deny, deniedBy } = derivePolicy(bundle, "simulate", operator);
      for (const action of deny) expect(allow.has(action)).toBe(false);
      for (const action of policyActions) expect(allow.has(action)).toBe(!deniedBy.has(action));
    }),
    { numRuns: 500 },
  );
});

test("the mode changes no answer: what simulate allows is what enforce and canary allow", () => {
  fc.assert(
    fc.property(bundles(), operators(), (bundle, operator) => {
      const resolved = { ...bundle, intentProjection: {} };
      const [simulate, enforce, canary] = (["simulate", "enforce", "canary"] as const).map((mode) => [
        ...derivePolicy(resolved, mode, operator).allow,
      ]);
      expect(enforce).toEqual(simulate ?? []);
      expect(canary).toEqual(simulate ?? []);
    }),
  );
});
