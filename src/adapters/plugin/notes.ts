/**
 * What a plugin does to a run beside its actions' results, as facts of the run: that it was started, and what went wrong.
 * Keeps them until they are taken; one fault becomes one fact for each action that it befell, or one for none.
 */
import type { AkcError } from "../../errors.ts";
import { type Granted, permissionNames } from "../../plugin-host/contract.ts";
import type { PluginHandle } from "../../plugin-host/host.ts";
import type { HandedOver } from "../../plugin-host/secrets.ts";

const pluginEvents = {
  started: "runtime.plugin.started",
  fault: "runtime.plugin.fault",
} as const;

/** `payload` is JSON text. */
export interface PluginNote {
  readonly type: (typeof pluginEvents)[keyof typeof pluginEvents];
  readonly payload: string;
}

/** A fault of the plugin's, and no word of its about an action. */
export function isPluginFault({ code }: AkcError): boolean {
  return (
    code === "CONTAINMENT_UNAVAILABLE" ||
    (code.startsWith("PLUGIN_") && code !== "PLUGIN_FAILED" && code !== "PLUGIN_NOT_GRANTED")
  );
}

export interface NotesAbout {
  readonly handle: Pick<PluginHandle, "plugin" | "info">;
  /** As granted to it by others; what every plugin gets of a run is not told. */
  readonly granted: Granted;
  readonly adapterId: string;
  readonly secrets: HandedOver;
}

export class PluginNotes {
  readonly #about: NotesAbout;
  readonly #known = new WeakSet<AkcError>();
  /** Faults of its processes. Those that an action was told of too are facts of that action. */
  #ofProcesses: AkcError[] = [];
  #notes: PluginNote[] = [];
  #startsNoted = 0;

  constructor(about: NotesAbout) {
    this.#about = about;
  }

  /** What was noted since the last look. */
  take(): readonly PluginNote[] {
    const befellNone = this.#ofProcesses.filter((error) => !this.#known.has(error));
    this.#ofProcesses = [];
    for (const error of befellNone) this.#fault(error, {});
    const notes = this.#notes;
    if (notes.length > 0) this.#notes = [];
    return notes;
  }

  /** Once for each of its processes. */
  started(): void {
    const { handle, granted } = this.#about;
    const { starts, negotiated, containment } = handle.info();
    if (negotiated === undefined || starts <= this.#startsNoted) return;
    this.#startsNoted = starts;
    const given = permissionNames.filter((name) => granted[name].length > 0);
    this.#note(pluginEvents.started, {
      ...this.#who(),
      digest: handle.plugin.digest,
      protocol: negotiated.protocol,
      containment,
      granted: Object.fromEntries(given.map((name) => [name, granted[name]])),
    });
  }

  /** What an attempt of this action met. */
  befell(error: AkcError, actionId: string): void {
    this.#known.add(error);
    this.#fault(error, { action_id: actionId });
  }

  /** Why one of its processes ended. */
  ended(error: AkcError): void {
    this.#ofProcesses.push(error);
  }

  #fault({ code, message }: AkcError, about: { readonly action_id?: string }): void {
    const { secrets } = this.#about;
    this.#note(pluginEvents.fault, { ...this.#who(), code, message: secrets.text(message), ...about });
  }

  #who() {
    const { handle, adapterId } = this.#about;
    const { id, version } = handle.plugin.manifest;
    return { plugin_id: id, version, adapter_id: adapterId };
  }

  #note(type: PluginNote["type"], payload: object): void {
    this.#notes.push({ type, payload: JSON.stringify(payload) });
  }
}
