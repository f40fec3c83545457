/** Compiles plans for the tests of authoring, and loads what comes of them as a run would. */
import { compilePlan } from "../../src/authoring/compile.ts";
import type { Compiled, NamedFile, PlacedIssue } from "../../src/authoring/model.ts";
import { loadBundle } from "../../src/bundle/load.ts";
import type { Bundle } from "../../src/bundle/model.ts";
import { AkcError } from "../../src/errors.ts";
import { prettyJson } from "../../src/json/canonical.ts";

export const head = "version: 1\nscope: acme/shop\nname: release\n";

export function compiled(text: string, files: readonly NamedFile[] = []): Compiled {
  return compilePlan({ text, path: "akc.yaml" }, files);
}

/** The bundle alone: no file is beside it. */
export function loaded({ bundle }: Compiled): Promise<Bundle> {
  return loadBundle(
    {
      path: "/repo/.akc/runtime/plan.runtime_bundle.json",
      repoRoot: "/repo",
      text: prettyJson(bundle),
      files: { read: async () => undefined },
    },
    { mode: "enforce" },
  );
}

/** `12:5 rule`, in the order of the text. */
export function faultsOf(text: string, files: readonly NamedFile[] = []): readonly string[] {
  return issuesOf(text, files).map(({ line, column, rule }) => `${line}:${column} ${rule}`);
}

export function issuesOf(text: string, files: readonly NamedFile[] = []): readonly PlacedIssue[] {
  try {
    compiled(text, files);
    return [];
  } catch (cause) {
    if (!(cause instanceof AkcError) || cause.code !== "PLAN_INVALID") throw cause;
    return cause.issues.map(({ path, message, line, column, rule }) => {
      if (line === undefined || column === undefined || rule === undefined)
        throw new Error(`a fault without its place or rule: ${message}`);
      return { path, message, line, column, rule: rule };
    });
  }
}
