/**
 * The release train as data: who does what, and what waits for what. Nothing here knows what a bundle looks like;
 * `make-bundle.ts` writes it down as one.
 */

/** Packs the sources, judges what was packed, or speaks to the registry and signs. */
export type Role = "packer" | "checker" | "releaser";

export interface Variant {
  /** Also the name of its files in `bundles/`. */
  readonly id: "release" | "regression";
  readonly name: string;
  readonly version: string;
  /** Folders below the repository root, laid over each other in this order. */
  readonly sources: readonly string[];
}

/** What goes well, and what must not go out: an update that drops cents. */
export const variants: readonly Variant[] = [
  { id: "release", name: "tally", version: "1.4.0", sources: ["source"] },
  { id: "regression", name: "tally", version: "1.5.0", sources: ["source", "update"] },
];

export type Work =
  /** A program with its arguments, in the role's own folder. */
  | { readonly kind: "program"; readonly argv: readonly string[] }
  /** Files of `steps/`, one after the other, read by `sh` from its standard input. */
  | { readonly kind: "script"; readonly files: readonly string[]; readonly env?: Record<string, string> }
  | { readonly kind: "get"; readonly path: string }
  | { readonly kind: "post"; readonly path: string; readonly body: object };

export interface Step {
  readonly id: string;
  readonly role: Role;
  readonly label: string;
  readonly work: Work;
}

export interface Edge {
  readonly kind: "depends_on" | "parallel" | "barrier" | "handoff";
  readonly from: string;
  readonly to: string;
}

const checks = ["style", "syntax", "licence", "words", "tests"] as const;

export function stepsOf({ name, version }: Variant): readonly Step[] {
  const release = { name, version };
  const program = (...argv: string[]): Work => ({ kind: "program", argv });
  const script = (...files: string[]): Work => ({ kind: "script", files });
  return [
    { id: "host", role: "packer", label: "Say what it is built on", work: program("uname", "-srm") },
    {
      id: "health",
      role: "releaser",
      label: "Ask how the registry is",
      work: { kind: "get", path: "/health" },
    },
    { id: "archive", role: "packer", label: "Pack the sources", work: script("roots", "archive") },
    { id: "checksum", role: "packer", label: "Checksum it", work: program("sha256sum", "release.tar") },
    { id: "contents", role: "packer", label: "List it", work: program("tar", "-tf", "release.tar") },
    ...checks.map((id): Step => ({ id, role: "checker", label: `Check ${id}`, work: script("unpack", id) })),
    { id: "checks", role: "checker", label: "Fold the checks", work: script("checks") },
    {
      id: "register",
      role: "releaser",
      label: "Get a number",
      work: { kind: "post", path: "/releases", body: release },
    },
    {
      id: "report",
      role: "releaser",
      label: "Write the report",
      work: { kind: "script", files: ["report"], env: { NAME: name, VERSION: version } },
    },
    { id: "sign", role: "releaser", label: "Sign the report", work: script("roots", "hmac", "sign") },
    { id: "verify", role: "releaser", label: "Verify it all", work: script("roots", "hmac", "verify") },
    {
      id: "publish",
      role: "releaser",
      label: "Let it go",
      work: { kind: "post", path: `/releases/${name}/${version}/publish`, body: {} },
    },
  ];
}

export function edges(): readonly Edge[] {
  const from = (kind: Edge["kind"], source: string, targets: readonly string[]): Edge[] =>
    targets.map((to) => ({ kind, from: source, to }));
  const into = (kind: Edge["kind"], sources: readonly string[], to: string): Edge[] =>
    sources.map((source) => ({ kind, from: source, to }));
  return [
    // One role, one folder: both read release.tar where `archive` wrote it.
    ...from("depends_on", "archive", ["checksum", "contents"]),
    // Another role has another folder, so the archive itself is handed over.
    ...from("parallel", "archive", checks),
    ...from("handoff", "archive", checks),
    ...into("barrier", checks, "checks"),
    ...into("handoff", checks, "checks"),
    ...into("barrier", ["checks", "health"], "register"),
    ...into("handoff", ["archive", "checksum", "contents", "host", "checks", "register"], "report"),
    ...into("handoff", ["report"], "sign"),
    ...into("handoff", ["archive", "sign"], "verify"),
    ...into("depends_on", ["verify"], "publish"),
  ];
}
