/**
 * The names that are kept below an outputs root and where plugins are: runs, rollouts, steps, scopes, plugins. Reads names, times and
 * how things ended, nothing else; passes over what it cannot read, and ends when its time is over.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isIdentifier } from "../../bundle/identifier.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import type { Io } from "../io.ts";
import { outputsRootOf } from "../outputs-root.ts";
import { elapsed } from "../render/time.ts";
import { actionName } from "../runtime/action-name.ts";
import type { Suggestion } from "./suggestion.ts";

/** What a line says about where to look. */
export interface Narrowed {
  readonly outputsRoot?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly repoId?: string | undefined;
}

export interface Scope {
  readonly tenantId: string;
  readonly repoId: string;
  readonly root: string;
}

interface Dated extends Suggestion {
  readonly atMs: number;
}

export class Kept {
  readonly #io: Io;
  readonly #clock: Clock;
  readonly #endMs: number;

  constructor(io: Io, clock: Clock) {
    this.#io = io;
    this.#clock = clock;
    this.#endMs = clock.monotonicMs() + limits.completionMs;
  }

  /** Every `<root>/<tenant>/<repo>`, in order of their names. */
  async scopes({ outputsRoot, tenantId, repoId }: Narrowed): Promise<readonly Scope[]> {
    const root = await outputsRootOf(this.#io, outputsRoot);
    const found: Scope[] = [];
    for (const tenant of tenantId === undefined ? folders(root) : [tenantId]) {
      if (this.#isOver() || !isIdentifier(tenant)) continue;
      for (const repo of repoId === undefined ? folders(join(root, tenant)) : [repoId]) {
        if (!isIdentifier(repo)) continue;
        const place = join(root, tenant, repo);
        // A folder of folders is no scope: the working directory is looked at where nothing else is named.
        if (folders(place, true).includes(".akc"))
          found.push({ tenantId: tenant, repoId: repo, root: place });
        if (found.length >= limits.completionScopesMax) return found;
      }
    }
    return found;
  }

  /** Newest first, with how each ended and how long ago it began. */
  async runs(where: Narrowed, begins: string): Promise<readonly Suggestion[]> {
    const { runNames } = await import("../../store/sqlite/names.ts");
    return this.#dated(where, (scope) =>
      runNames(scope.root, begins, limits.completionWordsMax).map(
        ({ runtimeRunId, outcome, startedAtMs }) => ({
          word: runtimeRunId,
          atMs: startedAtMs,
          says: `${outcome ?? "has not ended"}, ${this.#ago(startedAtMs)}`,
        }),
      ),
    );
  }

  /** Newest first, with where each stands. */
  async rollouts(where: Narrowed, begins: string): Promise<readonly Suggestion[]> {
    const { rolloutNames } = await import("../../store/sqlite/names.ts");
    return this.#dated(where, (scope) =>
      rolloutNames(scope.root, begins, limits.completionWordsMax).map(
        ({ rolloutId, phase, startedAtMs }) => ({
          word: rolloutId,
          atMs: startedAtMs,
          says: `${phase}, ${this.#ago(startedAtMs)}`,
        }),
      ),
    );
  }

  /** Of the run that is named, with how each stands. */
  async stepsOfRun(where: Narrowed, run: string): Promise<readonly Suggestion[]> {
    const { actionNames } = await import("../../store/sqlite/names.ts");
    for (const scope of await this.scopes(where)) {
      if (this.#isOver()) return [];
      const actions = read(() => actionNames(scope.root, run, limits.completionWordsMax * 5));
      if (actions.length > 0)
        return actions.map((action) => ({ word: actionName(action, run), says: action.phase }));
    }
    return [];
  }

  /** Ids of plugins, from the manifests in the places where they are looked for. */
  async plugins(flags: readonly string[]): Promise<readonly Suggestion[]> {
    const { pluginPlaces } = await import("../../plugin-host/places.ts");
    const uid = process.getuid?.() ?? 0;
    return pluginPlaces({ flags, env: this.#io.env, uid }).flatMap(({ directory, kind }) =>
      folders(directory, true).flatMap((name) => {
        if (this.#isOver()) return [];
        const manifest = read(() => [readFileSync(join(directory, name, "plugin.yaml"), "utf8")]).join("");
        const [, id] = /^id:\s*["']?([\w./-]+)["']?\s*$/m.exec(manifest) ?? [];
        return id === undefined ? [] : [{ word: id, says: kind }];
      }),
    );
  }

  async #dated(where: Narrowed, of: (scope: Scope) => readonly Dated[]): Promise<readonly Dated[]> {
    const found: Dated[] = [];
    for (const scope of await this.scopes(where)) {
      if (this.#isOver()) break;
      found.push(...read(() => of(scope)));
    }
    return found.sort((one, other) => other.atMs - one.atMs);
  }

  #ago(ms: number): string {
    return `${elapsed(Math.max(0, this.#clock.nowMs() - ms))} ago`;
  }

  #isOver(): boolean {
    return this.#clock.monotonicMs() > this.#endMs;
  }
}

function folders(path: string, hidden = false): readonly string[] {
  return read(() =>
    readdirSync(path, { withFileTypes: true })
      .filter((entry) => !entry.isFile() && (hidden || !entry.name.startsWith(".")))
      .map(({ name }) => name)
      .sort(),
  );
}

/** What cannot be read has nothing to offer: whoever goes on typing is told by the command itself. */
function read<T>(work: () => readonly T[]): readonly T[] {
  try {
    return work();
  } catch {
    return [];
  }
}
