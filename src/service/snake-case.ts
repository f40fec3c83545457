/** Names of the model as they are written outside. Pure; it knows no name by itself. */

/** `runtimeRunId` is `runtime_run_id`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
