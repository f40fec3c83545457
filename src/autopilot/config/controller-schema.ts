/** Sections of the configuration file about the controller itself: leases, what is seen from outside, what is kept. Schemas only. */
import * as v from "valibot";
import { limits } from "../../limits.ts";
import { choice, described, keysMust, list } from "./composed.ts";
import { secretPlace } from "./recompile-schema.ts";
import {
  CredentialName,
  count,
  FileMode,
  Identifier,
  LeaseName,
  LoopbackAddress,
  lengthOfTime,
  Path,
  Switch,
  Url,
} from "./words.ts";

export const LeaseSection = v.strictObject(
  {
    backend: described(choice(["sqlite", "filesystem", "k8s"]), "Who keeps the leases."),
    name: described(LeaseName, "One lease of this name for all scopes; else one a scope."),
    namespace: described(LeaseName, "Of Kubernetes; needed with k8s."),
    ttl: described(
      lengthOfTime(limits.autopilotLeaseTtlMsMin, limits.autopilotLeaseTtlMsMax),
      "Without a renewal for so long it is anybody's.",
    ),
    replicas: described(
      count(1, 1_000),
      "How many controllers are meant to run; `akc living doctor` looks at it.",
    ),
    kubeconfig: described(Path, "Configuration of kubectl."),
  },
  "must be a map about leases",
);

export const ListenSection = v.pipe(
  v.strictObject(
    {
      unix: described(Path, "A socket file."),
      permissions: described(FileMode, "Of the socket file; else 0660."),
      tcp: described(LoopbackAddress, "A loopback address and a port."),
    },
    "must be a map with unix or tcp",
  ),
  keysMust((has) => has("unix") !== has("tcp"), "needs either unix or tcp"),
  keysMust((has) => has("unix") || !has("permissions"), "has permissions without unix"),
);

export const WebhookSection = v.pipe(
  v.strictObject(
    {
      ...secretPlace,
      tenants: described(
        list(v.pipe(v.string("must be text"), v.check(isTenant, "must be the id of a tenant, or *"))),
        'Tenants that may be named; ["*"] is every one.',
      ),
      outputs_roots: described(list(Path), "Outputs roots that may be named; else the autopilot's own."),
      tolerance: described(lengthOfTime(1_000, 3_600_000), "How far the sender's clock may be off."),
      allow_unstamped: described(Switch, "Take deliveries without a timestamp, as old senders send them."),
    },
    "must be a map about the webhook",
  ),
  keysMust((has) => !(has("secret_file") && has("credential")), "has both secret_file and credential"),
);

function isTenant(text: string): boolean {
  return text === "*" || v.is(Identifier, text);
}

export const TelemetrySection = v.strictObject(
  {
    otlp: described(
      v.pipe(
        v.strictObject(
          {
            endpoint: v.pipe(Url, v.description("Base, without /v1/traces.")),
            headers_file: described(Path, "File with lines `Name: value`."),
            headers_credential: described(CredentialName, "The same as a systemd credential."),
            interval: described(lengthOfTime(1_000, 3_600_000), "Between two deliveries."),
            ca_file: described(Path, "Certificates in PEM that its server is verified with."),
          },
          "must be a map with endpoint",
        ),
        keysMust(
          (has) => !(has("headers_file") && has("headers_credential")),
          "has both headers_file and headers_credential",
        ),
      ),
      "A collector of OpenTelemetry, over HTTP.",
    ),
    mirrors: described(
      v.strictObject(
        {
          stdout: described(Switch, "Lines on stdout."),
          http_url: described(Url, "Lines posted to this URL."),
          http_timeout: described(lengthOfTime(100, 600_000), "Longest time of one of them."),
          file: described(Path, "Lines appended to this file."),
        },
        "must be a map of mirrors",
      ),
      "The documented lines of JSON, beside.",
    ),
  },
  "must be a map with otlp or mirrors",
);

export const RetentionSection = v.strictObject(
  {
    entries: described(
      lengthOfTime(limits.autopilotRetentionMsMin, 10 * limits.autopilotDurationMsMax),
      "Age of what is remembered.",
    ),
    decision_files: described(count(10, 1_000_000), "Decision files of a scope."),
    history_bytes: described(count(64 * 1024, 1024 * 1024 * 1024), "Size of a scope's history.jsonl."),
  },
  "must be a map of bounds",
);
