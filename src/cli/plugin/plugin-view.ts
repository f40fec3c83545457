/** Plugins as they are shown: the shape `Plugin` of docs/json-output.md, and words for people. */
import type { BrokenPlugin, FoundPlugin, PluginState } from "../../plugin-host/contract.ts";
import type { Plain } from "../render/output.ts";
import { printable } from "../render/text.ts";

export function pluginData(plugin: FoundPlugin): { readonly [key: string]: Plain } {
  const { manifest, root, source, digest, state, signer, shadows } = plugin;
  return {
    kind: "Plugin",
    id: manifest.id,
    version: manifest.version,
    description: manifest.description,
    kinds: manifest.kinds,
    runtime: manifest.runtime.kind,
    api: { min: manifest.api.min, max: manifest.api.max },
    ...stateData(state),
    source: source.kind,
    directory: source.directory,
    root,
    digest,
    signer: signer ?? null,
    shadows: shadows.map((other) => ({
      version: other.version,
      source: other.source.kind,
      root: other.root,
    })),
  };
}

export function brokenData({ root, source, state }: BrokenPlugin): Plain {
  return {
    kind: "Plugin",
    id: null,
    version: null,
    ...stateData(state),
    source: source.kind,
    directory: source.directory,
    root,
  };
}

function stateData(state: PluginState): { readonly [key: string]: Plain } {
  switch (state.kind) {
    case "invalid":
      return {
        state: state.kind,
        why: whyOf(state),
        code: state.error.code,
        issues: state.error.issues.map((issue) => ({ ...issue })),
      };
    case "modified":
      return { state: state.kind, why: whyOf(state), files: state.files };
    default:
      return { state: state.kind, why: whyOf(state) };
  }
}

/** One clause; empty for a plugin that is ready. */
export function whyOf(state: PluginState): string {
  switch (state.kind) {
    case "ready":
      return "";
    case "disabled":
      return "switched off";
    case "untrusted":
      return state.why;
    case "modified": {
      const [first, second, ...rest] = state.files;
      const named = [first, second].filter((name) => name !== undefined).join(", ");
      return rest.length === 0 ? named : `${named} and ${rest.length} more`;
    }
    case "invalid": {
      const [issue] = state.error.issues;
      if (issue === undefined) return state.error.message;
      const where = issue.line === undefined ? "" : `plugin.yaml:${issue.line}:${issue.column}: `;
      return `${where}${issue.message}`;
    }
  }
}

/** Lines below a table: what keeps what out. */
export function shadowLines(plugins: readonly FoundPlugin[]): readonly string[] {
  return plugins.flatMap(({ manifest, root, shadows }) =>
    shadows.map((other) =>
      printable(`${manifest.id} ${manifest.version} in ${root} shadows ${other.version} in ${other.root}`),
    ),
  );
}
