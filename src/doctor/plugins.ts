/** Whether plugins are as they may be: every one that is found, trusted, unchanged, or why not. Starts none. */
import type { PluginState } from "../plugin-host/contract.ts";
import { shellWord } from "../policy/shell-word.ts";
import type { Host } from "./host.ts";
import type { Finding } from "./model.ts";

const check = "plugins";

export async function pluginFindings(host: Host): Promise<readonly Finding[]> {
  const { plugins, broken } = await host.plugins();
  const ready = plugins.filter(({ state }) => state.kind === "ready");
  const faulty = [
    ...plugins.map(({ manifest, state, root }) => ({ name: manifest.id, state, root })),
    ...broken.map(({ state, root }) => ({ name: root, state, root })),
  ];
  const findings = faulty.flatMap(({ name, state, root }): Finding[] => {
    const found = fixOf(state, name, root);
    return found === undefined
      ? []
      : [{ check, severity: "warning", says: `${name} may not run: ${found.why}`, fix: found.fix }];
  });
  const says = ready.length === 0 ? "none may run here, none is needed" : `${ready.length} may run`;
  return [
    { check, severity: "ok", says, details: { ready: ready.length, refused: findings.length } },
    ...findings,
  ];
}

function fixOf(
  state: PluginState,
  name: string,
  root: string,
): { readonly why: string; readonly fix: string } | undefined {
  switch (state.kind) {
    case "ready":
    case "disabled":
      return undefined;
    case "invalid":
      return { why: state.error.message, fix: `akc plugin check ${shellWord(root)}` };
    case "untrusted":
      return { why: state.why, fix: `Look at it, then lock it: akc plugin lock ${name}` };
    case "modified":
      return {
        why: `${state.files.length} files are not as they were locked: ${state.files.slice(0, 3).join(", ")}`,
        fix: `akc plugin verify ${name} says what; akc plugin lock ${name} accepts it as it is.`,
      };
  }
}
