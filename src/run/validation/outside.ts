/**
 * What is needed to ask outside systems on behalf of a run: the registry, the validators that judge its kinds, and a door for each
 * binding. Starts nothing by itself; the first binding that is asked does.
 *
 * Source: spec reconcile §6.2, §6.3.
 */
import type { OperatorPolicy } from "../../policy/model.ts";
import { artifactsRoot, databasePath } from "../../store/sqlite/open.ts";
import type { Clock } from "../../system/clock.ts";
import { loadBindings } from "../../validation/bindings/lookup.ts";
import type { Binding, BindingRegistry } from "../../validation/bindings/model.ts";
import { refuseOutside } from "../../validation/bindings/paths.ts";
import type { RecordingDoor, Validators } from "../../validators/contract.ts";
import { openDoor } from "../../validators/door.ts";
import { foundPlugins } from "../plugins.ts";
import { judgedKinds, openValidators } from "../validators.ts";

/** Where bindings, plugins and secrets are looked for. */
export interface OutsideSearch {
  /** Absolute; absent: there is no registry. */
  readonly bindingsPath: string | undefined;
  readonly pluginsDirs: readonly string[];
  readonly operator: OperatorPolicy | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** As `ValidatorSearch` has it. */
  readonly onNote?: ((note: string) => void) | undefined;
}

export interface Outside {
  readonly validators: Validators;
  openDoor(binding: Binding, workdir: string): Promise<RecordingDoor>;
  /** Ends the plugins. */
  close(): Promise<void>;
}

/** @throws AkcError BINDINGS_INVALID, BINDINGS_NOT_FOUND */
export async function openRegistry({
  bindingsPath,
  pluginsDirs,
  operator,
  env,
}: OutsideSearch): Promise<BindingRegistry> {
  if (bindingsPath === undefined) return { bindings: new Map() };
  const { plugins } = await foundPlugins({ directories: pluginsDirs, operator, env });
  return loadBindings({ path: bindingsPath, cwd: "/", kinds: judgedKinds(plugins) });
}

/** No plugin may reach the state of this run or of another. */
export function stateOf(scopeRoot: string): readonly string[] {
  return [databasePath(scopeRoot), artifactsRoot(scopeRoot)];
}

/**
 * @param bindings those that will be asked
 * @param scopeRoot absolute; it exists. A door opens only for a binding whose files lie below it then: BINDING_PATH_OUTSIDE
 */
export async function openOutside(
  bindings: readonly Binding[],
  scopeRoot: string,
  { pluginsDirs, operator, env, onNote, clock }: OutsideSearch & { readonly clock: Clock },
): Promise<Outside> {
  const kinds = [...new Set(bindings.map(({ kind }) => kind))];
  const validators = await openValidators({
    pluginsDirs,
    env,
    operator,
    kinds,
    closedPaths: stateOf(scopeRoot),
    ...(onNote === undefined ? {} : { onNote }),
  });
  return {
    validators,
    async openDoor(binding, workdir) {
      refuseOutside([binding], scopeRoot);
      return openDoor({ binding, operator, env, clock, workdir });
    },
    close: () => validators.close(),
  };
}
