import { expect, test } from "bun:test";
import fc from "fast-check";
import { limits } from "../../limits.ts";
import { readAutopilotFile } from "./file.ts";

const faults = (text: string): readonly string[] => {
  const reading = readAutopilotFile(text);
  if (reading.kind === "read") throw new Error("the file was accepted");
  return reading.issues.map(({ line, column, message }) => `${line}:${column} ${message}`);
};
const accepts = (text: string) => readAutopilotFile(text).kind === "read";

test("every fault of a file is told at once, at its place, with the word that was probably meant", () => {
  expect(
    faults(`version: 2
outputs_rot: out
profile: unattended
interval: 30
budgets: {mutations_per_day: 0, cooldown_after_failure: 30}
gates:
  windows:
    - {days: [mon, fry], from: "25:00", to: "04:00", tz: UTC}
    - {days: [], from: "22:00", time_zone: "+02:00"}
    - nightly
  freezes: [{from: "2027-02-30T00:00:00Z", to: "2027-03-01T00:00:00", reason: ""}, {from: "2027-03-02T00:00:00Z", to: "2027-03-01T00:00:00Z", reason: x}]
  slo: {min_policy_compliance_rate: 1.5, insufficient_history: hold on}
  promotion: {require: signed}
triggers: {schedule: {cron: "61 4 * * 1-5", time_zone: Mars/X}, sources: [../x]}
recompile: {command: [hook], http: "https://u:p@x/", options: {a: [b]}}
scopes: {registry: a, tenant: b, overrides: {"../x": {}, "a/b": {modes: 1}}}
listen: {unix: a, tcp: "127.0.0.1:1"}
webhook: {secret_file: a, credential: b, tenants: ["*", ".."]}
telemetry: {otlp: {headers_file: a}}
lease: {backend: sqlit, ttl: 1s}
score: {slos: [{id: a, indicator: rollout, objective: 2}]}
`),
  ).toEqual([
    "1:10 `version` must be 1",
    "2:1 unknown key `outputs_rot`; did you mean `outputs_root`?",
    "3:10 `profile` must be off, living_loop_v1 or living_loop_unattended_v1",
    '4:11 `interval` must be a length of time with a unit, such as "15s", "10m" or "7d"',
    "5:30 `budgets.mutations_per_day` must be at least 1",
    '5:57 `budgets.cooldown_after_failure` must be a length of time with a unit, such as "15s", "10m" or "7d"',
    "8:20 `gates.windows.0.days.1` must be sun, mon, tue, wed, thu, fri or sat; did you mean `fri`?",
    '8:32 `gates.windows.0.from` must be a time of day such as "22:00"',
    "8:54 unknown key `tz`; did you mean `to`?",
    "9:7 `to` is missing",
    "9:14 `gates.windows.1.days` must name a day",
    "9:44 `gates.windows.1.time_zone` must be a time zone of the IANA list, such as Europe/Berlin or UTC",
    "10:7 `gates.windows.2` must be a map",
    '11:20 `gates.freezes.0.from` must be a moment with its offset, such as "2027-12-20T18:00:00Z"',
    '11:48 `gates.freezes.0.to` must be a moment with its offset, such as "2027-12-20T18:00:00Z"',
    "11:79 `gates.freezes.0.reason` must be one line of text and not empty",
    "11:84 `gates.freezes.1` ends before it begins",
    "12:37 `gates.slo.min_policy_compliance_rate` must be a number from 0 to 1",
    "12:64 `gates.slo.insufficient_history` must be hold or allow",
    "13:14 `gates.promotion` requires signed packets and names no public_keys",
    '14:29 `triggers.schedule.cron` must be five fields of cron that come about, such as "30 4 * * 1-5"',
    "14:56 `triggers.schedule.time_zone` must be a time zone of the IANA list, such as Europe/Berlin or UTC",
    "14:75 `triggers.sources.0` must not hold `..`",
    "15:12 `recompile` has more than one of command, http and plugin",
    "15:22 `recompile.command` must begin with a path, such as /usr/bin/make or ./make",
    "15:36 `recompile.http` must be a URL without a user, a password and a fragment: secrets stand in files",
    "15:67 `recompile.options.a` must be text, a number or a switch",
    "16:9 `scopes` has more than one of registry, tenant and discover",
    "16:46 `scopes.overrides.../x` must be a scope: TENANT/REPO",
    "16:66 unknown key `modes`; did you mean `mode`?",
    "17:9 `listen` needs either unix or tcp",
    "18:10 `webhook` has both secret_file and credential",
    "18:57 `webhook.tenants.1` must be the id of a tenant, or *",
    "19:19 `endpoint` is missing",
    "20:18 `lease.backend` must be sqlite, filesystem or k8s; did you mean `sqlite`?",
    "20:30 `lease.ttl` must be at least 3s",
    "21:35 `score.slos.0.indicator` must be rollouts, standing or recompiles; did you mean `rollouts`?",
    "21:55 `score.slos.0.objective` must be a number from 0 to 1",
  ]);
});

test("what YAML would let pass is a fault too", () => {
  expect(faults("")).toEqual(["1:1 the file is empty: it needs at least `version: 1`"]);
  expect(faults("mode: observe")).toEqual(["1:1 `version` is missing"]);
  expect(faults("- version: 1")).toEqual(["1:1 the file must be a map"]);
  expect(faults("version: 1\nversion: 1")).toEqual(["2:1 Map keys must be unique"]);
  expect(faults("version: 1\nscopes: {overrides: {constructor: {}}}")).toEqual([
    "2:22 `constructor` is not a scope",
  ]);
  expect(faults("version: 1\nmode: !!binary aGk=").length).toBeGreaterThan(0);
  expect(faults("version: 1\n---\nversion: 1").length).toBe(1);
  expect(faults(`version: 1\nplugins_dirs: ${"[".repeat(50_000)}`).length).toBeGreaterThan(0);
  expect(faults(`version: 1\n# ${"x".repeat(limits.autopilotConfigBytesMax)}`)[0]).toContain("are read");
});

test("secrets cannot stand in the file", () => {
  for (const line of [
    "webhook: {secret: x}",
    "recompile: {http: 'http://a/', secret: x}",
    "telemetry: {otlp: {endpoint: 'http://a/', headers: {}}}",
  ]) {
    expect(faults(`version: 1\n${line}`)[0]).toContain("unknown key");
  }
  for (const url of ["https://user:word@host/", "https://user@host/"]) {
    expect(faults(`version: 1\ntelemetry: {mirrors: {http_url: "${url}"}}`)[0]).toContain(
      "secrets stand in files",
    );
  }
});

test("lengths of time and moments are read exactly", () => {
  const read = (text: string) => {
    const reading = readAutopilotFile(`version: 1\n${text}`);
    if (reading.kind === "faulty") throw new Error(JSON.stringify(reading.issues));
    return reading.file;
  };
  expect(read("interval: 1d2h3m4s5ms").interval).toBe(93_784_005);
  expect(read("drain: 0s").drain).toBe(0);
  const { gates } = read(
    'gates: {windows: [{days: [sun], from: "00:00", to: "24:00"}], freezes: [{from: "2027-12-20T18:00:00+01:00", to: "2027-12-20T18:00Z", reason: x}]}',
  );
  expect(gates?.windows?.[0]).toEqual({ days: ["sun"], from: 0, to: 0 });
  expect(gates?.freezes?.[0]?.from).toBe(Date.UTC(2027, 11, 20, 17));
  for (const bad of ["1 h", "h", "1.5h", "-1s", "1w", "1m1", "'10'"]) {
    expect([bad, accepts(`version: 1\ninterval: ${bad}`)]).toEqual([bad, false]);
  }
  for (const bad of ["0.0.0.0:1", "127.0.0.1", "127.0.0.1:65536", "host:1", "127.0.0.999:1", "[::]:1"]) {
    expect([bad, accepts(`version: 1\nlisten: {tcp: "${bad}"}`)]).toEqual([bad, false]);
  }
  for (const good of ["127.0.0.1:0", "[::1]:9464", "localhost:1", "127.9.9.9:65535"]) {
    expect([good, accepts(`version: 1\nlisten: {tcp: "${good}"}`)]).toEqual([good, true]);
  }
});

test("whatever the text, the answer is a configuration or faults with places", () => {
  const piece = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.constantFrom(
      "version: 1\n",
      "gates:\n",
      "  windows:\n",
      "  ",
      "- ",
      ": ",
      "&a ",
      "*a",
      "!!x ",
      "[",
      "{",
      "? ",
      "|\n",
    ),
    fc.constantFrom(
      "scopes",
      "overrides:",
      "a/b",
      "mode: observe\n",
      "interval: 1s\n",
      '"22:00"',
      "days: [mon]",
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const reading = readAutopilotFile(pieces.join(""));
      if (reading.kind === "faulty") expect(reading.issues.length).toBeGreaterThan(0);
      else expect(reading.file.version).toBe(1);
    }),
    { numRuns: 1_000 },
  );
});

test("a value of any type in the place of any key is a fault or a value, and never a crash", () => {
  const value = fc.oneof(
    fc.constantFrom(null, true, false, 0, -1, 1e308, "", "x", "10s", "*", "22:00"),
    fc.array(fc.constantFrom("a", 1, null), { maxLength: 2 }),
    fc.dictionary(
      fc.constantFrom("mode", "from", "tcp", "slo", "cron", "a/b"),
      fc.constantFrom(null, 1, "x", []),
    ),
  );
  const keys =
    "outputs_root mode interval parallel budgets recompile triggers gates rollout score lease scopes listen webhook telemetry retention drain plugins_dirs".split(
      " ",
    );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 6 }), (file) => {
      const reading = readAutopilotFile(JSON.stringify({ version: 1, ...file }));
      if (reading.kind === "faulty") {
        expect(reading.issues.length).toBeGreaterThan(0);
        expect(reading.issues.every(({ line }) => line === 1)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});
