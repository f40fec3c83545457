/** What is found when a host is looked over, and what to do about it. Plain data; nothing here looks at the host. */

export const severities = ["ok", "note", "warning", "fault"] as const;
/** `note`: something is not there that some plans need; `fault`: nothing or not the whole of akc works here. */
export type Severity = (typeof severities)[number];

/** Every check, in the order in which they are shown. */
export const checkNames = [
  "binary",
  "environment",
  "kernel",
  "landlock",
  "seccomp",
  "namespaces",
  "cgroups",
  "sqlite",
  "disk",
  "memory",
  "limits",
  "clock",
  "policy_file",
  "plugins",
  "systemd",
  "docker",
  "kubernetes",
] as const;
export type CheckName = (typeof checkNames)[number];

export interface Finding {
  /** Which check found it. */
  readonly check: CheckName;
  readonly severity: Severity;
  /** What is so, with versions and numbers. */
  readonly says: string;
  /** What to do, where something is to be done: a command or a setting. */
  readonly fix?: string;
  /** Facts for programs. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}
