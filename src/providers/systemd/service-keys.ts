/**
 * The keys of a service that a bundle may spell out, what each may hold, and the unit file that comes of them.
 * Nothing that a bundle writes is expanded, split or continued by systemd in a way that it did not ask for.
 *
 * Source: systemd.service(5), systemd.exec(5), systemd.resource-control(5)
 */
import * as v from "valibot";
import { commandLine, plainValue, quotedWord } from "./unit-text.ts";

/** What stands behind the `=`, once for each line. */
type Lines = readonly string[];

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
const OneLine = v.pipe(v.string(), v.regex(/^[^\x00-\x1f\x7f\\]*$/, "must be one line without backslashes"));
const Word = v.pipe(
  v.string(),
  // biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
  v.regex(/^[^\x00]*$/, "must not hold NUL"),
  // systemd skips lines with the others, and cannot tell of units that got them in another way.
  v.check((word) => word.isWellFormed() && !/\p{NChar}/u.test(word), "must be characters of Unicode"),
);
const Program = v.pipe(
  Word,
  v.regex(/^\/[^$]*$/, "must be the absolute path of a program, without prefixes and variables"),
);
const AbsolutePath = v.pipe(OneLine, v.regex(/^\/[^"']*$/, "must be an absolute path"));
const one = (value: string): Lines => [value];

const bool = v.pipe(
  v.boolean(),
  v.transform((on) => one(on ? "yes" : "no")),
);
const text = v.pipe(
  OneLine,
  v.trim(),
  v.minLength(1),
  v.transform((value) => one(plainValue(value))),
);
const command = v.pipe(
  v.tupleWithRest([Program], Word),
  v.transform((argv) => one(commandLine(argv))),
);
const commands = v.pipe(
  v.array(v.tupleWithRest([Program], Word)),
  v.transform((all): Lines => all.map(commandLine)),
);
const span = v.pipe(
  v.union(
    [
      v.pipe(
        v.number(),
        v.minValue(0),
        v.transform((seconds) => String(seconds)),
      ),
      v.pipe(v.string(), v.regex(/^(infinity|(\d+(\.\d+)?(us|ms|s|min|h|d|w)?)( \d+(us|ms|s|min|h|d|w))*)$/)),
    ],
    'must be seconds, or a time like "5s", "2min" or "infinity"',
  ),
  v.transform(one),
);
const count = v.pipe(
  v.pipe(v.number(), v.integer(), v.minValue(0)),
  v.transform((value) => one(String(value))),
);
const amount = (form: RegExp, words: string) =>
  v.pipe(
    v.union(
      [
        v.pipe(
          v.number(),
          v.integer(),
          v.minValue(0),
          v.transform((value) => String(value)),
        ),
        v.pipe(v.string(), v.regex(form)),
      ],
      words,
    ),
    v.transform(one),
  );
const bytes = amount(
  /^(\d+[KMGT]?|\d{1,3}%|infinity)$/,
  'must be bytes: 1048576, "512M", "10%" or "infinity"',
);
const tasks = amount(/^(\d+|\d{1,3}%|infinity)$/, 'must be a number, a share like "10%" or "infinity"');
const percent = v.pipe(v.string(), v.regex(/^\d{1,6}%$/, 'must be a share like "50%"'), v.transform(one));
const word = <const Words extends readonly string[]>(...words: Words) =>
  v.pipe(v.picklist(words), v.transform(one));
const yesOr = <const Words extends readonly string[]>(...words: Words) => v.union([bool, word(...words)]);
const matching = (form: RegExp, words: string) => v.pipe(v.string(), v.regex(form, words), v.transform(one));
/** Plain words: some keys take quotes as part of the word. An empty list is written too: it takes everything away. */
const list = (form: RegExp, words: string) =>
  v.pipe(
    v.array(v.pipe(v.string(), v.regex(form, words))),
    v.transform((items) => one(items.join(" "))),
  );
const paths = v.pipe(
  // With the prefixes of systemd: `-` (may be missing), `+` (below the root directory).
  v.array(v.pipe(OneLine, v.regex(/^[-+]{0,2}\/[^"']*$/, "must be an absolute path"))),
  v.transform((items) => one(items.map(quotedWord).join(" "))),
);
const name = matching(
  /^([A-Za-z_][A-Za-z0-9_-]{0,30}|\d{1,10})$/,
  "must be a name or a number of a user or group",
);
const units = list(/^[A-Za-z0-9:_.\\@-]{1,240}\.[a-z]+$/, "must be names of units");
const folders = list(/^(?!\.)[A-Za-z0-9_.-]+(\/(?!\.)[A-Za-z0-9_.-]+)*$/, "must be relative paths");
const symbols = list(/^~?@?[A-Za-z0-9_-]+$/, "must be names");
const environment = v.pipe(
  v.record(
    v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a variable's name")),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: systemd takes no others in a variable.
    v.pipe(Word, v.regex(/^[^\x00-\x08\x0b-\x1f\x7f]*$/, "must not hold control characters")),
  ),
  v.transform(
    (variables): Lines =>
      Object.entries(variables)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => quotedWord(`${key}=${value}`)),
  ),
);
const credentials = v.pipe(
  v.record(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.-]+$/, "must be a credential's name")), AbsolutePath),
  v.transform((all): Lines => Object.entries(all).map(([id, path]) => `${id}:${plainValue(path)}`)),
);

const unitKeys = {
  Description: text,
  After: units,
  Before: units,
  Wants: units,
  Requires: units,
  BindsTo: units,
  StartLimitIntervalSec: span,
  StartLimitBurst: count,
};

const serviceKeys = {
  Type: word("simple", "exec", "oneshot", "notify", "idle"),
  ExecStart: command,
  ExecStartPre: commands,
  ExecStartPost: commands,
  ExecStop: commands,
  ExecStopPost: commands,
  ExecReload: commands,
  Environment: environment,
  EnvironmentFile: v.pipe(
    v.array(v.pipe(OneLine, v.regex(/^-?\/[^"']*$/, "must be an absolute path"))),
    v.transform((files): Lines => files.map(plainValue)),
  ),
  LoadCredential: credentials,
  User: name,
  Group: name,
  SupplementaryGroups: list(/^([A-Za-z_][A-Za-z0-9_-]{0,30}|\d{1,10})$/, "must be groups"),
  DynamicUser: bool,
  WorkingDirectory: v.pipe(
    v.union([AbsolutePath, v.literal("~")]),
    v.transform((path) => one(plainValue(path))),
  ),
  RootDirectory: v.pipe(
    AbsolutePath,
    v.transform((path) => one(plainValue(path))),
  ),
  UMask: matching(/^0?[0-7]{3}$/, 'must be octal, like "0027"'),
  RemainAfterExit: bool,
  Restart: word("no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always"),
  RestartSec: span,
  SuccessExitStatus: list(/^[A-Z0-9]+$/, "must be numbers, names of statuses or signals"),
  TimeoutStartSec: span,
  TimeoutStopSec: span,
  RuntimeMaxSec: span,
  WatchdogSec: span,
  NotifyAccess: word("none", "main", "exec", "all"),
  KillMode: word("control-group", "mixed", "process", "none"),
  KillSignal: matching(/^SIG[A-Z0-9+]+$/, 'must be a signal like "SIGTERM"'),
  SendSIGKILL: bool,
  StandardOutput: word("journal", "null", "inherit"),
  StandardError: word("journal", "null", "inherit"),
  SyslogIdentifier: matching(/^[A-Za-z0-9_.-]{1,64}$/, "must be a short name"),
  Nice: v.pipe(
    v.pipe(v.number(), v.integer(), v.minValue(-20), v.maxValue(19)),
    v.transform((value) => one(String(value))),
  ),
  LimitNOFILE: count,
  LimitNPROC: count,
  LimitCORE: bytes,
  MemoryMax: bytes,
  MemoryHigh: bytes,
  MemorySwapMax: bytes,
  TasksMax: tasks,
  CPUQuota: percent,
  CPUWeight: count,
  IOWeight: count,
  OOMScoreAdjust: v.pipe(
    v.pipe(v.number(), v.integer(), v.minValue(-1000), v.maxValue(1000)),
    v.transform((value) => one(String(value))),
  ),
  OOMPolicy: word("continue", "stop", "kill"),
  ProtectSystem: yesOr("full", "strict"),
  ProtectHome: yesOr("read-only", "tmpfs"),
  ProtectKernelTunables: bool,
  ProtectKernelModules: bool,
  ProtectKernelLogs: bool,
  ProtectControlGroups: bool,
  ProtectClock: bool,
  ProtectHostname: bool,
  ProtectProc: word("noaccess", "invisible", "ptraceable", "default"),
  PrivateTmp: bool,
  PrivateDevices: bool,
  PrivateNetwork: bool,
  PrivateUsers: bool,
  NoNewPrivileges: bool,
  RestrictSUIDSGID: bool,
  RestrictRealtime: bool,
  RestrictNamespaces: bool,
  RestrictAddressFamilies: symbols,
  LockPersonality: bool,
  MemoryDenyWriteExecute: bool,
  RemoveIPC: bool,
  SystemCallFilter: symbols,
  SystemCallArchitectures: symbols,
  CapabilityBoundingSet: symbols,
  AmbientCapabilities: symbols,
  ReadWritePaths: paths,
  ReadOnlyPaths: paths,
  InaccessiblePaths: paths,
  BindPaths: paths,
  BindReadOnlyPaths: paths,
  RuntimeDirectory: folders,
  StateDirectory: folders,
  CacheDirectory: folders,
  LogsDirectory: folders,
  ConfigurationDirectory: folders,
};

const installKeys = { WantedBy: units, RequiredBy: units };

const sections = { Unit: unitKeys, Service: serviceKeys, Install: installKeys };

/** Strict: a key that is not listed is refused by its name. */
export const ServiceSchema = v.pipe(
  v.strictObject(
    {
      ...v.partial(v.object(unitKeys)).entries,
      ...v.partial(v.object(serviceKeys)).entries,
      ...v.partial(v.object(installKeys)).entries,
      ExecStart: command,
    },
    (issue) =>
      issue.expected === "never" ? "is not a key that a bundle may set here; use unit_file" : issue.message,
  ),
);
export type ServiceLines = v.InferOutput<typeof ServiceSchema>;

/** A unit file of these keys, in the order of the lists above. */
export function serviceText(service: ServiceLines): string {
  const given = new Map<string, Lines | undefined>(Object.entries(service));
  return Object.entries(sections)
    .map(([section, keys]) => {
      const lines = Object.keys(keys).flatMap((key) =>
        (given.get(key) ?? []).map((value) => `${key}=${value}`),
      );
      return lines.length === 0 ? "" : `[${section}]\n${lines.join("\n")}\n`;
    })
    .filter((part) => part !== "")
    .join("\n");
}
