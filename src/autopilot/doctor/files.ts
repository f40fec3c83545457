/**
 * Whether the files that the configuration names can be read, and whether those with secrets are closed to others. Opens them for reading
 * and shows nothing of what they hold.
 */
import { accessSync, constants, statSync } from "node:fs";
import { errnoOf } from "../../system/files.ts";
import type { AutopilotConfig, ScopeConfig } from "../config/model.ts";
import { secretVariable } from "../config/secret.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

interface Named {
  readonly path: string;
  /** Key of the configuration. */
  readonly key: string;
  readonly secret: boolean;
}

export function fileFindings(config: AutopilotConfig, scopes: readonly ScopeConfig[]): readonly Finding[] {
  const { webhook, telemetry, lease, configPath, discovery } = config;
  const named: Named[] = [
    ...one(configPath, "config"),
    ...one(discovery.kind === "registry" ? discovery.path : undefined, "scopes.registry"),
    ...one(webhook?.secretFile, "webhook.secret_file", true),
    ...one(telemetry.otlp?.headersFile, "telemetry.otlp.headers_file", true),
    ...one(telemetry.otlp?.caFile, "telemetry.otlp.ca_file"),
    ...one(lease.kubeconfig, "lease.kubeconfig", true),
    ...scopes.flatMap(ofScope),
  ];
  const unique = [...new Map(named.map((file) => [file.path, file])).values()];
  const findings = unique.map(look);
  return findings.length > 0 ? findings : [ok("files", "the configuration names no files")];
}

function ofScope({ policyPath, bindingsPath, bundlePath, recompile, gates }: ScopeConfig): readonly Named[] {
  const http = recompile?.kind === "http" ? recompile : undefined;
  return [
    ...one(policyPath, "policy"),
    ...one(bindingsPath, "validator_bindings"),
    ...one(bundlePath, "bundle"),
    ...one(http?.secretFile, "recompile.http.secret_file", true),
    ...one(http?.caFile, "recompile.http.ca_file"),
    ...gates.promotion.publicKeys.flatMap((path) => one(path, "gates.promotion.public_keys")),
  ];
}

function one(path: string | undefined, key: string, secret = false): readonly Named[] {
  return path === undefined ? [] : [{ path, key, secret }];
}

function look({ path, key, secret }: Named): Finding {
  const check = secret ? "secrets" : "files";
  if (path === secretVariable) {
    return warn(
      check,
      `${key} is in the environment, where every process of this user can read it`,
      "Put it into a file, or into a credential of systemd.",
    );
  }
  try {
    accessSync(path, constants.R_OK);
    const { mode } = statSync(path);
    if ((mode & 0o002) !== 0)
      return fail(check, `${key} ${path} can be written by everybody`, `chmod o-w ${path}`);
    if (secret && (mode & 0o077) !== 0) {
      return (mode & 0o007) === 0
        ? ok(check, `${key} ${path} can be read by its owner and its group`)
        : fail(check, `${key} ${path} can be read by everybody`, `chmod 600 ${path}`);
    }
    return ok(check, `${key} ${path} can be read`);
  } catch (cause) {
    const why = errnoOf(cause) ?? "unknown";
    const [, credential] = /^\$CREDENTIALS_DIRECTORY\/(.+)$/.exec(path) ?? [];
    if (credential !== undefined)
      return fail(
        check,
        `${key}: no service hands over the credential ${credential}`,
        `LoadCredential=${credential}:FILE in a drop-in of its unit does: systemctl edit akc-autopilot`,
      );
    return fail(check, `${key} ${path} cannot be read (${why})`, "Make it, or mend the configuration.");
  }
}
