/**
 * What a bundle says of a process that is to stand: `runtime_deployment.process`, parsed once, every default filled in.
 * Parses only; whether the program and the folders are there is another room's question.
 */
import * as v from "valibot";
import { variableFault } from "../../bundle/route-spec.ts";
import { compareCodePoints } from "../../json/order.ts";
import { limits } from "../../limits.ts";
import { containmentLevels } from "../../policy/model.ts";
import { parseAddress } from "../../system/address.ts";
import { ProbeSchema } from "../probe/schema.ts";

const whole = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));

const Text = v.pipe(
  v.string(),
  v.maxLength(limits.argvBytesMax),
  v.check((text) => !text.includes("\0"), "must not hold a NUL"),
);

const Path = v.pipe(Text, v.minLength(1));
const Paths = v.optional(v.pipe(v.array(Path), v.maxLength(limits.processPathsMax)), []);

/** Told by akc itself. */
const ownVariables: ReadonlySet<string> = new Set(["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"]);

const Environment = v.optional(
  v.pipe(
    v.record(v.string(), Text),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const names = Object.keys(dataset.value);
      if (names.length > limits.processVariablesMax)
        addIssue({ message: `more than ${limits.processVariablesMax} variables` });
      for (const name of names) {
        const fault = ownVariables.has(name) ? `env must not set ${name}` : variableFault(name);
        if (fault !== undefined) addIssue({ message: fault });
      }
    }),
    v.transform((env) => Object.fromEntries(Object.entries(env).sort(([a], [b]) => compareCodePoints(a, b)))),
  ),
  {},
);

const Restart = v.pipe(
  v.strictObject({
    policy: v.optional(v.picklist(["always", "on_failure", "never"]), "always"),
    backoff_ms: v.optional(whole(0, limits.processBackoffMsMax), limits.processBackoffMsDefault),
    backoff_max_ms: v.optional(whole(0, limits.processBackoffMsMax), limits.processBackoffMsMaxDefault),
    /** Whoever ran for so long has not crashed at its start: the next wait is the first again. */
    reset_after_ms: v.optional(whole(0, limits.processBackoffMsMax), limits.processResetAfterMsDefault),
  }),
  v.transform((one) => ({ ...one, backoff_max_ms: Math.max(one.backoff_ms, one.backoff_max_ms) })),
);

const Stop = v.strictObject({
  signal: v.optional(v.picklist(["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGKILL"]), "SIGTERM"),
  grace_ms: v.optional(whole(0, limits.processStopGraceMsMax), limits.processStopGraceMsDefault),
});

const Logs = v.strictObject({
  max_bytes: v.optional(
    whole(limits.processLogBytesMin, limits.processLogBytesMax),
    limits.processLogBytesDefault,
  ),
  keep: v.optional(whole(0, limits.processLogsKeptMax), limits.processLogsKeptDefault),
});

/** Of one process each. */
const Limits = v.strictObject({
  /** What it could write to, as far as it asked for it: RLIMIT_DATA. */
  memory_bytes: v.optional(whole(1024 * 1024, Number.MAX_SAFE_INTEGER)),
  open_files: v.optional(whole(8, Number.MAX_SAFE_INTEGER), limits.rlimitOpenFiles),
  processes: v.optional(whole(1, Number.MAX_SAFE_INTEGER), limits.rlimitProcesses),
  cpu_seconds: v.optional(whole(1, Number.MAX_SAFE_INTEGER)),
});

const Sandbox = v.strictObject({
  level: v.optional(v.picklist(containmentLevels), "landlock"),
  /** Files and folders beside the system's own. */
  read: Paths,
  write: Paths,
  network: v.optional(v.boolean(), true),
});

const Port = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.-]{1,64}$/, "must be letters, digits, '_', '-' and '.'")),
  port: whole(1, 65_535),
  host: v.optional(
    v.pipe(
      v.string(),
      v.check((text) => parseAddress(text) !== undefined, "must be an address"),
    ),
    "127.0.0.1",
  ),
});

const handovers = ["none", "listen_fds", "reuse_port"] as const;

const Ports = v.strictObject({
  listen: v.optional(v.pipe(v.array(Port), v.maxLength(limits.processPortsMax)), []),
  /** How a copy gives its ports to the one that takes its place. */
  handover: v.optional(v.picklist(handovers), "none"),
});

export const SettingsSchema = v.pipe(
  v.strictObject({
    command: v.pipe(
      v.array(Text),
      v.minLength(1),
      v.maxLength(limits.processArgvItemsMax),
      v.check(([program = ""]) => program !== "", "names no program"),
    ),
    env: Environment,
    /** Below the bundle's repository, or absolute and below that or the scope's folder; absent: a folder of its own. */
    workdir: v.optional(Path),
    replicas: v.optional(whole(1, limits.processReplicasMax), 1),
    restart: v.optional(Restart, {}),
    stop: v.optional(Stop, {}),
    readiness: v.optional(ProbeSchema),
    liveness: v.optional(ProbeSchema),
    logs: v.optional(Logs, {}),
    limits: v.optional(Limits, {}),
    sandbox: v.optional(Sandbox, {}),
    ports: v.optional(Ports, {}),
  }),
  v.check(
    ({ replicas, ports }) => replicas === 1 || ports.listen.length === 0 || ports.handover !== "none",
    "ports: several replicas cannot listen at one port without `handover`",
  ),
  v.check(
    ({ ports }) => new Set(ports.listen.map(({ name }) => name)).size === ports.listen.length,
    "ports: two have the same name",
  ),
  v.check(
    ({ ports }) => ports.handover === "none" || ports.listen.length > 0,
    "ports: `handover` without a port",
  ),
);

export type ServiceSettings = v.InferOutput<typeof SettingsSchema>;
export type ListenPort = ServiceSettings["ports"]["listen"][number];

export type SettingsReading =
  | { readonly kind: "read"; readonly settings: ServiceSettings }
  | { readonly kind: "faulty"; readonly message: string };

/** @param value an ordinary JavaScript value */
export function readSettings(value: unknown): SettingsReading {
  const result = v.safeParse(SettingsSchema, value);
  if (result.success) return { kind: "read", settings: result.output };
  const faults = result.issues.slice(0, faultsShown).map((issue) => {
    const path = v.getDotPath(issue);
    return path === null ? issue.message : `${path}: ${issue.message}`;
  });
  return { kind: "faulty", message: `runtime_deployment.process: ${faults.join("; ")}` };
}

const faultsShown = 5;
