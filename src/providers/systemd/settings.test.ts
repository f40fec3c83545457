import { expect, test } from "bun:test";
import fc from "fast-check";
import type { JsonObject } from "../../json/value.ts";
import { serviceText } from "./service-keys.ts";
import { readProviderSettings, readResourceSettings } from "./settings.ts";
import { dropInFile, unitNameOf, unitTypeOf } from "./unit-name.ts";

const refusal = (section: JsonObject) => {
  const reading = readResourceSettings(section);
  return reading.kind === "refused" ? reading.message : undefined;
};
const textOf = (service: JsonObject) => {
  const reading = readResourceSettings({ service });
  if (reading.kind === "refused" || reading.settings.service === undefined) throw new Error("refused");
  return serviceText(reading.settings.service);
};

test("keys are written in their sections, with specifiers and variables as plain text", () => {
  expect(
    textOf({
      Description: "50% of it",
      ExecStart: ["/bin/my prog", 'a"b', "$HOME", "%h", ";", "c\\d\n"],
      Environment: { B: "2 %n", A: "1" },
      RestartSec: 1.5,
      PrivateTmp: true,
      ProtectSystem: "strict",
      CapabilityBoundingSet: [],
      ReadWritePaths: ["-/var/lib/my data"],
      WantedBy: ["multi-user.target"],
    }),
  ).toBe(
    `[Unit]
Description=50%% of it

[Service]
ExecStart="/bin/my prog" "a\\"b" "$$HOME" "%%h" ";" "c\\\\d\\n"
Environment="A=1"
Environment="B=2 %%n"
RestartSec=1.5
ProtectSystem=strict
PrivateTmp=yes
CapabilityBoundingSet=
ReadWritePaths="-/var/lib/my data"

[Install]
WantedBy=multi-user.target
`,
  );
});

test("what could be more than a value is refused at its place", () => {
  const start = ["/bin/true"];
  const faulty: readonly (readonly [string, JsonObject])[] = [
    ["service.ExecStart", { service: { ExecStart: ["+/bin/true"] } }],
    ["service.ExecStart", { service: { ExecStart: ["true"] } }],
    ["service.ExecStart", { service: { ExecStart: ["/bin/$SHELL"] } }],
    ["service.ExecStart", { service: { ExecStart: "/bin/true" } }],
    ["service.Description", { service: { ExecStart: start, Description: "a\nExecStartPre=/bin/b" } }],
    ["service.Description", { service: { ExecStart: start, Description: "a\\" } }],
    ["service.User", { service: { ExecStart: start, User: "root\nGroup=x" } }],
    ["service.Environment", { service: { ExecStart: start, Environment: { "A B": "1" } } }],
    ["service.FailureAction", { service: { ExecStart: start, FailureAction: "reboot" } }],
    ["service.RuntimeDirectory", { service: { ExecStart: start, RuntimeDirectory: ["../x"] } }],
    ["service.Restart", { service: { ExecStart: start, Restart: "sometimes" } }],
    ["unit", { unit: "../x.service", service: { ExecStart: start } }],
    ["unit", { unit: "x@1.service", service: { ExecStart: start } }],
    ["unit", { unit: "x.mount", service: { ExecStart: start } }],
    ["drop_ins", { drop_ins: { "../x": "" }, service: { ExecStart: start } }],
    ["unit_file.sha256", { unit_file: { path: "x", sha256: "1" } }],
    ["nonsense", { nonsense: 1 }],
  ];
  for (const [place, section] of faulty)
    expect([place, refusal(section)]).toEqual([place, expect.stringContaining(place)]);
});

test("unit files go where systemd looks for them and nowhere else", () => {
  const dir = (settings: JsonObject) => readProviderSettings({ kind: "systemd", ...settings }, {}).unitDir;
  expect(dir({})).toBe("/etc/systemd/system");
  expect(dir({ persistence: "runtime" })).toBe("/run/systemd/system");
  expect(dir({ unit_dir: "/usr/local/lib/systemd/system" })).toBe("/usr/local/lib/systemd/system");
  for (const wrong of [
    { unit_dir: "/etc/cron.d" },
    { unit_dir: "/etc/systemd/system/.." },
    { nonsense: 1 },
  ]) {
    expect(() => dir(wrong)).toThrow(expect.objectContaining({ code: "DESIRED_STATE_INVALID" }));
  }
  expect(() => dir({ scope: "user" })).toThrow("HOME");
  const env = { HOME: "/home/u", XDG_RUNTIME_DIR: "/run/user/1" };
  expect(readProviderSettings({ kind: "systemd", scope: "user" }, env).unitDir).toBe(
    "/home/u/.config/systemd/user",
  );
});

test("every resource id makes a name of its own that systemd takes", () => {
  const id = fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).filter((one) => one.isWellFormed());
  fc.assert(
    fc.property(id, id, fc.constantFrom("akc-", ""), (a, b, prefix) => {
      expect(unitTypeOf(unitNameOf(prefix, a))).toBe("service");
      if (a !== b) expect(unitNameOf(prefix, a)).not.toBe(unitNameOf(prefix, b));
    }),
  );
  expect(unitNameOf("akc-", "svc/api")).toBe("akc-svc\\x2fapi.service");
  expect([dropInFile("limits"), dropInFile("10-a.conf"), dropInFile("a/b"), dropInFile(".conf")]).toEqual([
    "limits.conf",
    "10-a.conf",
    undefined,
    undefined,
  ]);
});
