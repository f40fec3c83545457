/**
 * The systemd unit of the autopilot, from one template: the shipped file is what it renders by default. Pure.
 * Never writes a file, and takes no path that systemd would read as anything but a path.
 *
 * Source: systemd.unit(5), systemd.service(5), systemd.exec(5) of systemd 252 to 257; docs/decisions/0003-environment-of-the-binary.md.
 */
import { AkcError } from "../errors.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { limits } from "../limits.ts";

export const unitName = "akc-autopilot.service";

/** `system` for the machine's manager, `user` for that of a user. */
export const managers = ["system", "user"] as const;
export type ManagerKind = (typeof managers)[number];

export interface UnitChoices {
  readonly manager: ManagerKind;
  /** Absolute. */
  readonly binary: string;
  /** Absolute. */
  readonly config: string;
  /** Major version of systemd that is to read it: 253 knows Type=notify-reload, 254 knows restarts that slow down. */
  readonly systemd: number;
}

export const defaultUnit: UnitChoices = {
  manager: "system",
  binary: "/usr/local/bin/akc",
  config: "/etc/akc/autopilot.yaml",
  systemd: 254,
};

/** Where the unit of each manager keeps its configuration, if nobody says otherwise. `home` is that of the user. */
export function defaultConfig(manager: ManagerKind, home: string): string {
  return manager === "system" ? defaultUnit.config : `${home}/.config/akc/autopilot.yaml`;
}

/** @throws AkcError USAGE for a path that is not absolute, or that holds what systemd would expand or split */
export function renderUnit(choices: UnitChoices): string {
  for (const path of [choices.binary, choices.config]) refuseOddPath(path);
  const body = [unitSection, serviceSection, installSection].map((section) => section(choices)).join("\n");
  return `${heading}\n${body}\n${markOf(body)}\n`;
}

/** How a file that stands in the unit's place came about. */
export type Provenance =
  /** As some akc wrote it. */
  | "written"
  /** Written by akc, and changed since. */
  | "edited"
  | "foreign";

export function provenanceOf(text: string): Provenance {
  const body = text.startsWith(`${heading}\n`) ? text.slice(heading.length + 1) : undefined;
  const end = body?.lastIndexOf(`\n${markStart}`) ?? -1;
  if (body === undefined || end < 0) return "foreign";
  return body.slice(end + 1) === `${markOf(body.slice(0, end))}\n` ? "written" : "edited";
}

/** What it goes by, read back from a unit that akc wrote. Undefined for any other text. */
export function choicesOf(text: string): Pick<UnitChoices, "binary" | "config"> | undefined {
  const [, binary, config] = /^ExecStart=(\S+) runtime autopilot --config (\S+)$/m.exec(text) ?? [];
  return binary === undefined || config === undefined ? undefined : { binary, config };
}

const heading = `# ${unitName}, as \`akc service install\` writes it. Change it with \`systemctl edit ${unitName}\`.`;
const markStart = "# akc:unit ";

function markOf(body: string): string {
  return `${markStart}${sha256Hex(body).slice(0, 16)}`;
}

function unitSection(): string {
  return `[Unit]
Description=akc autopilot: keeps what was rolled out standing
Wants=network-online.target
After=network-online.target nss-lookup.target time-sync.target
# A crash loop ends here. What hangs and is ended by the watchdog comes back more slowly than this, and so for as long as it takes.
StartLimitIntervalSec=300
StartLimitBurst=8
`;
}

function serviceSection({ manager, binary, config, systemd }: UnitChoices): string {
  const stopSeconds = (limits.autopilotDrainMsDefault + limits.serviceAbortMs) / 1_000 + stopMarginSeconds;
  const notifies =
    systemd >= 253
      ? "Type=notify-reload"
      : "# Before systemd 253 there is no Type=notify-reload.\nType=notify\nExecReload=/bin/kill -HUP $MAINPID";
  const slowing = systemd >= 254 ? "\nRestartSteps=5\nRestartMaxDelaySec=60" : "";
  const environmentFile =
    manager === "system"
      ? "/etc/akc/autopilot.env"
      : `${config.slice(0, config.lastIndexOf("/"))}/autopilot.env`;
  return `[Service]
${notifies}
NotifyAccess=main
ExecStart=${binary} runtime autopilot --config ${config}
EnvironmentFile=-${environmentFile}
# Each of them steers the runtime below akc: it would run other code, or check no certificate.
UnsetEnvironment=BUN_BE_BUN BUN_OPTIONS BUN_INSPECT BUN_INSPECT_NOTIFY BUN_INSPECT_PRELOAD NODE_OPTIONS NODE_TLS_REJECT_UNAUTHORIZED

Restart=on-failure
RestartSec=5${slowing}
# 2: a configuration that is not valid does not become so by being read again.
RestartPreventExitStatus=2
# Ended by a second signal: that was somebody's wish.
SuccessExitStatus=130 143
TimeoutStartSec=90
# Longer than \`drain\` of the configuration by default; a longer drain is asked for while it lasts (EXTEND_TIMEOUT_USEC).
TimeoutStopSec=${stopSeconds}
WatchdogSec=60
KillMode=mixed
# A child that runs out of memory is a step that failed, and no reason to stop everything.
OOMPolicy=continue
LimitCORE=0
LimitNOFILE=16384:524288
TasksMax=4096
SyslogIdentifier=akc-autopilot

${manager === "system" ? systemPlaces : userPlaces}
# Secrets: the file is root's, the service reads a copy that nobody else sees. In the configuration: \`credential: webhook-secret\`.
#LoadCredential=webhook-secret:/etc/akc/credentials/webhook-secret

${manager === "system" ? systemHardening : userHardening}`;
}

/** After the time for a drain and for being cut off. */
const stopMarginSeconds = 20;

const systemPlaces = `DynamicUser=yes
User=akc
StateDirectory=akc
StateDirectoryMode=0750
CacheDirectory=akc
RuntimeDirectory=akc
LogsDirectory=akc
ConfigurationDirectory=akc
Environment=HOME=%S/akc XDG_CACHE_HOME=%C/akc
WorkingDirectory=/
UMask=0027`;

/** The user's own folders; those of a user's manager lie elsewhere before systemd 254. */
const userPlaces = `RuntimeDirectory=akc
UMask=0077`;

/** What works without privileges of the manager's own. */
const everywhere = `NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
# Beside services' usual calls: Landlock and seccomp, by which akc confines what it starts, and taking over a listening socket.
SystemCallFilter=@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp pidfd_getfd
SystemCallErrorNumber=EPERM
# No MemoryDenyWriteExecute=: it turns the runtime's compiler off without a word, and everything takes fifteen times as long.`;

const systemHardening = `CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
RemoveIPC=yes
KeyringMode=private
${everywhere}
`;

const userHardening = `${everywhere}
`;

function installSection({ manager }: UnitChoices): string {
  return `[Install]
WantedBy=${manager === "system" ? "multi-user" : "default"}.target`;
}

/** Neither quotes nor specifiers nor blanks: what is left needs no escapes in any key. */
function refuseOddPath(path: string): void {
  if (/^\/[A-Za-z0-9._/@+:,-]*[A-Za-z0-9._@+:,-]$/.test(path) && !path.includes("..")) return;
  throw new AkcError("USAGE", {
    message: "the path cannot stand in a unit file",
    hint: "Use an absolute path of letters, digits and . _ / @ + : , - only.",
    details: { path },
  });
}
