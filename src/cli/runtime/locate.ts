/**
 * Finds runs below an outputs root: the databases of its scopes, and in them the run that an id means. Reads only.
 * Says what it could not read instead of passing over it, and never tells one scope about another.
 *
 * Source: spec cli §3.5; cli:W-41, cli:W-69.
 */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isIdentifier } from "../../bundle/identifier.ts";
import { AkcError } from "../../errors.ts";
import type { ListedRun, Store } from "../../store/contract.ts";
import { databasePath, openStore } from "../../store/sqlite/open.ts";
import { errnoOf } from "../../system/files.ts";
import { followUpOnRun } from "../follow-up.ts";
import type { Io } from "../io.ts";
import { outputsRootOf } from "../outputs-root.ts";
import { asAkcError } from "../render/error.ts";
import { printable } from "../render/text.ts";

/** Flags that say where to look; shared by every command that looks at runs. */
export const locatingArgs = {
  outputsRoot: {
    type: "string",
    valueHint: "DIR",
    description: "Where runs are kept; else AKC_OUTPUTS_ROOT, the project file, or the working directory.",
  },
  tenantId: { type: "string", valueHint: "ID", description: "Look only at this tenant." },
  repoId: { type: "string", valueHint: "ID", description: "Look only at this repository." },
} as const;

/** Names one run: as a word, or with the flag of old. */
export const runArgs = {
  run: {
    type: "positional",
    required: false,
    orFlag: true,
    valueHint: "RUN",
    description: "The run's id, or a beginning of it that no other run has.",
  },
  runtimeRunId: { type: "string", valueHint: "RUN", description: "The same, as a flag." },
  ...locatingArgs,
} as const;

export const locatingEnvironment = {
  AKC_OUTPUTS_ROOT: "Where runs are kept, unless --outputs-root says so.",
};

export interface Where {
  readonly outputsRoot?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly repoId?: string | undefined;
}

export interface FoundRun {
  readonly row: ListedRun;
  /** `<outputs_root>/<tenant>/<repo>`, absolute. */
  readonly scopeRoot: string;
}

/** Shorter beginnings would match by accident. */
const prefixLengthMin = 4;

/** A scope whose runs are not known, since its state cannot be read. */
export interface LeftOut {
  readonly scopeRoot: string;
  readonly error: AkcError;
}

/** All runs, newest first. Scopes that cannot be read are named on stderr and given back. */
export async function allRuns(
  io: Io,
  where: Where,
): Promise<{
  readonly runs: readonly FoundRun[];
  /** That could be read, those without a run too. */
  readonly scopes: readonly string[];
  readonly leftOut: readonly LeftOut[];
}> {
  const found: FoundRun[] = [];
  const scopes: string[] = [];
  const leftOut: LeftOut[] = [];
  const leaveOut = (scopeRoot: string, cause: unknown) => {
    const error = asAkcError(cause);
    leftOut.push({ scopeRoot, error });
    io.words(`warning: ${printable(scopeRoot)} was left out: ${printable(error.message)} [${error.code}]\n`);
  };
  for (const scopeRoot of await scopeRoots(await outputsRootOf(io, where.outputsRoot), where, leaveOut)) {
    try {
      const rows = await withStore(scopeRoot, (store) => store.listRuns());
      scopes.push(scopeRoot);
      for (const row of rows) found.push({ row, scopeRoot });
    } catch (cause) {
      leaveOut(scopeRoot, cause);
    }
  }
  return { runs: found.sort((a, b) => b.row.startedAtMs - a.row.startedAtMs), scopes, leftOut };
}

/**
 * The one run that is meant.
 * @throws AkcError USAGE without an id, RUN_NOT_FOUND, RUN_AMBIGUOUS with all that match
 */
export async function oneRun(
  io: Io,
  args: Where & { readonly run?: string | undefined; readonly runtimeRunId?: string | undefined },
): Promise<FoundRun> {
  const id = (args.run ?? args.runtimeRunId)?.trim();
  if (id === undefined || (args.run !== undefined && args.runtimeRunId !== undefined)) {
    throw new AkcError("USAGE", {
      message: id === undefined ? "RUN is missing" : "the run is named twice",
      hint: `Name one run; \`${await listCommand(io, args)}\` shows them.`,
    });
  }
  const { runs, leftOut } = await allRuns(io, args);
  const exact = runs.filter(({ row }) => row.context.runtimeRunId === id);
  const begins = (run: FoundRun) => run.row.context.runtimeRunId.startsWith(id);
  const matches = exact.length > 0 || id.length < prefixLengthMin ? exact : runs.filter(begins);
  const [first, ...others] = matches;
  if (first === undefined) {
    throw await notFound(io, args, id, { elsewhere: runs.length > 0, leftOut });
  }
  if (others.length > 0) {
    const names = matches.map(
      ({ row }) => `${row.context.scope.tenantId}/${row.context.scope.repoId} ${row.context.runtimeRunId}`,
    );
    throw new AkcError("RUN_AMBIGUOUS", {
      hint: exact.length > 0 ? "Add --tenant-id and --repo-id." : "Write more of the id.",
      details: { run: id, matches: names },
    });
  }
  return first;
}

/**
 * Of commands that only show: the run that is named, else the newest one, which is said on stderr.
 * @throws AkcError as `oneRun`; RUN_NOT_FOUND where there is none at all
 */
export async function namedOrNewestRun(
  io: Io,
  args: Where & { readonly run?: string | undefined; readonly runtimeRunId?: string | undefined },
): Promise<FoundRun> {
  if (args.run !== undefined || args.runtimeRunId !== undefined) return oneRun(io, args);
  const { runs, leftOut } = await allRuns(io, args);
  const [newest] = runs;
  if (newest === undefined) throw await noneYet(io, args, leftOut);
  const { scope, runtimeRunId } = newest.row.context;
  io.words(`the newest run: ${runtimeRunId} of ${scope.tenantId}/${scope.repoId}\n`);
  return newest;
}

async function noneYet(io: Io, where: Where, leftOut: readonly LeftOut[]): Promise<AkcError> {
  return new AkcError("RUN_NOT_FOUND", {
    message: "there are no runs",
    hint:
      leftOut[0]?.error.hint ??
      "`akc run` runs the plan of this folder; another place where runs are kept is named with --outputs-root DIR.",
    details: { outputs_root: await outputsRootOf(io, where.outputsRoot) },
  });
}

/** Nobody can say that a run is not there while there are places that could not be read. */
async function notFound(
  io: Io,
  where: Where,
  id: string,
  { elsewhere, leftOut }: { readonly elsewhere: boolean; readonly leftOut: readonly LeftOut[] },
): Promise<AkcError> {
  const details = { run: id, outputs_root: await outputsRootOf(io, where.outputsRoot) };
  const [first] = leftOut;
  if (first !== undefined) {
    return new AkcError("RUN_NOT_FOUND", {
      message: "the run is not among those that can be read",
      hint: first.error.hint,
      details: {
        ...details,
        left_out: leftOut.map(({ scopeRoot, error }) => `${scopeRoot} [${error.code}]`),
      },
    });
  }
  const short =
    id.length < prefixLengthMin ? `A beginning of an id has at least ${prefixLengthMin} letters. ` : "";
  const others = elsewhere
    ? `\`${await listCommand(io, where)}\` shows the runs there; another place is named with --outputs-root.`
    : "There are no runs there; name the place where they are kept with --outputs-root DIR.";
  return new AkcError("RUN_NOT_FOUND", { hint: short + others, details });
}

/** Lists the runs among which one is looked for. */
async function listCommand(io: Io, where: Where): Promise<string> {
  const scope = [
    ...(where.tenantId === undefined ? [] : ["--tenant-id", where.tenantId]),
    ...(where.repoId === undefined ? [] : ["--repo-id", where.repoId]),
  ];
  return followUpOnRun(io, ["runtime", "list", ...scope], {
    outputsRoot: await outputsRootOf(io, where.outputsRoot),
  });
}

/** Opens a scope's store for the length of `work`. */
export async function withStore<T>(scopeRoot: string, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(scopeRoot, { create: false });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Every `<root>/<tenant>/<repo>` with a database. @throws AkcError FILE_UNREADABLE for the root, USAGE */
async function scopeRoots(
  root: string,
  where: Where,
  leaveOut: (folder: string, cause: unknown) => void,
): Promise<string[]> {
  const roots: string[] = [];
  for (const tenant of await names(root, where.tenantId, "--tenant-id")) {
    const folder = join(root, tenant);
    const repos = await names(folder, where.repoId, "--repo-id").catch((cause) => {
      if (cause instanceof AkcError && cause.code === "USAGE") throw cause;
      leaveOut(folder, cause);
      return [];
    });
    for (const repo of repos) {
      const scopeRoot = join(root, tenant, repo);
      if (existsSync(databasePath(scopeRoot))) roots.push(scopeRoot);
    }
  }
  return roots;
}

async function names(folder: string, only: string | undefined, flag: string): Promise<string[]> {
  if (only !== undefined) {
    if (!isIdentifier(only))
      throw new AkcError("USAGE", { message: `${flag} cannot be "${printable(only)}"` });
    return [only];
  }
  try {
    const entries = await readdir(folder);
    return entries.filter((name) => isIdentifier(name) && !name.startsWith(".")).sort();
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === "ENOENT" || errno === "ENOTDIR") return [];
    throw new AkcError("FILE_UNREADABLE", {
      message: "the folder cannot be read",
      hint: "Check its name and its permissions.",
      details: { path: folder, errno },
      cause,
    });
  }
}
