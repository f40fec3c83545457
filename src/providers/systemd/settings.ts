/**
 * What a bundle says to the systemd provider: for all resources (`deployment_provider`), and of one (`runtime_deployment.systemd`).
 * Strict: what is not known is refused by its place. Touches nothing.
 */
import { isAbsolute, join } from "node:path";
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { toPlain } from "../../json/plain.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { ServiceSchema } from "./service-keys.ts";
import { dropInFile, unitTypeOf } from "./unit-name.ts";

const systemdKinds = ["systemd", "systemd_observe"] as const;
export type SystemdKind = (typeof systemdKinds)[number];

const ProviderSchema = v.strictObject({
  kind: v.picklist(systemdKinds),
  unit_dir: v.exactOptional(v.string()),
  unit_prefix: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^([A-Za-z0-9_][A-Za-z0-9:_.-]{0,63})?$/, "must be the beginning of a unit's name"),
    ),
    "akc-",
  ),
  scope: v.optional(v.picklist(["system", "user"]), "system"),
  persistence: v.optional(v.picklist(["persistent", "runtime"]), "persistent"),
  verify: v.optional(v.boolean(), true),
  /** Read by whoever probes. */
  observe_probes: v.exactOptional(v.unknown()),
});

export interface SystemdSettings {
  readonly kind: SystemdKind;
  /** Where unit files are written. */
  readonly unitDir: string;
  /** All folders of this systemd in which akc may have written. */
  readonly unitDirs: readonly string[];
  readonly unitPrefix: string;
  readonly user: boolean;
  /** Links of enabled units are gone after a reboot. */
  readonly runtime: boolean;
  readonly verify: boolean;
}

/** @throws AkcError DESIRED_STATE_INVALID */
export function readProviderSettings(
  settings: JsonObject,
  env: Readonly<Record<string, string | undefined>>,
): SystemdSettings {
  const read = v.safeParse(ProviderSchema, toPlain(settings));
  if (!read.success) throw invalid(issueWords(read.issues).join("; "));
  const { kind, scope, persistence, verify, unit_prefix: unitPrefix, unit_dir: named } = read.output;
  const user = scope === "user";
  const unitDirs = user ? userDirs(env) : systemDirs;
  const runtime = named === undefined ? persistence === "runtime" : named.startsWith("/run/");
  const unitDir = named ?? unitDirs[runtime ? 1 : 0];
  // Anywhere else systemd would not find the unit, and somebody else might find the file.
  if (unitDir === undefined || !unitDirs.includes(unitDir)) {
    throw invalid(`unit_dir must be one of ${unitDirs.join(", ")}`);
  }
  return { kind, unitDir, unitDirs, unitPrefix, user, runtime, verify };
}

const systemDirs = ["/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system"];

function userDirs(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const config = env["XDG_CONFIG_HOME"] ?? join(env["HOME"] ?? "", ".config");
  const runtime = env["XDG_RUNTIME_DIR"] ?? "";
  if (!isAbsolute(config) || !isAbsolute(runtime)) {
    throw invalid('with "scope": "user" both HOME (or XDG_CONFIG_HOME) and XDG_RUNTIME_DIR must be set');
  }
  return [config, runtime].map((root) => join(root, "systemd/user"));
}

const Text = v.pipe(v.string(), v.maxLength(limits.resourceBytesMax));

const ResourceSchema = v.strictObject({
  unit: v.exactOptional(
    v.pipe(
      v.string(),
      v.check(
        (name) => unitTypeOf(name) !== undefined,
        "must be the name of a service, socket, timer, path or target, and no template",
      ),
    ),
  ),
  unit_file: v.exactOptional(
    v.strictObject({
      path: v.pipe(v.string(), v.minLength(1)),
      sha256: v.pipe(v.string(), v.toLowerCase(), v.regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits")),
    }),
  ),
  service: v.exactOptional(ServiceSchema),
  drop_ins: v.optional(
    v.pipe(
      v.record(
        v.pipe(
          v.string(),
          v.check((name) => dropInFile(name) !== undefined, "must be a file name"),
        ),
        Text,
      ),
      v.maxEntries(limits.systemdDropInsMax),
    ),
    {},
  ),
  enabled: v.exactOptional(v.boolean()),
  active: v.exactOptional(v.boolean()),
});
export type ResourceSettings = v.InferOutput<typeof ResourceSchema>;

export type ResourceReading =
  | { readonly kind: "read"; readonly settings: ResourceSettings }
  | { readonly kind: "refused"; readonly message: string };

/** @param section `runtime_deployment.systemd` */
export function readResourceSettings(section: JsonObject): ResourceReading {
  const read = v.safeParse(ResourceSchema, toPlain(section));
  if (read.success) return { kind: "read", settings: read.output };
  const words = issueWords(read.issues);
  return { kind: "refused", message: `runtime_deployment.systemd: ${words.join("; ")}` };
}

function issueWords(issues: readonly v.BaseIssue<unknown>[]): readonly string[] {
  return issues.slice(0, issuesShownMax).map((issue) => {
    const at = issue.path?.map(({ key }) => String(key)).join(".") ?? "";
    return at === "" ? issue.message : `${at}: ${issue.message}`;
  });
}

const issuesShownMax = 5;

function invalid(message: string): AkcError {
  return new AkcError("DESIRED_STATE_INVALID", { message: `deployment_provider: ${message}` });
}
