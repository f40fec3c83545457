/**
 * What a plugin sends as the output of one attempt, on its way into the artifact store: bounded, and free of the secrets
 * that were handed over, also where one is cut in two by a boundary of pieces. Holds back no more than one secret's length.
 */
import { AkcError } from "../../errors.ts";
import type { HandedOver } from "../../plugin-host/secrets.ts";
import type { ArtifactRef, ArtifactSink, ArtifactStore } from "../contract.ts";

export class AttemptOutput {
  readonly #artifacts: ArtifactStore;
  readonly #secrets: HandedOver;
  readonly #bytesMax: number;
  #sink: ArtifactSink | undefined;
  #held: Uint8Array = new Uint8Array();
  #bytes = 0;

  constructor(artifacts: ArtifactStore, secrets: HandedOver, bytesMax: number) {
    this.#artifacts = artifacts;
    this.#secrets = secrets;
    this.#bytesMax = bytesMax;
  }

  /** @throws AkcError PLUGIN_FLOOD beyond the bound */
  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#bytes += bytes.length;
    if (this.#bytes > this.#bytesMax) {
      throw new AkcError("PLUGIN_FLOOD", {
        message: "the plugin's output is larger than an action's may be",
        details: { what: "output", limitBytes: this.#bytesMax },
      });
    }
    if (this.#secrets.isEmpty && this.#held.length === 0) {
      this.#keep(bytes);
      return;
    }
    const all = Buffer.concat([this.#held, bytes]);
    const settled = this.#secrets.settled(all);
    this.#keep(this.#secrets.bytes(all.subarray(0, settled)));
    this.#held = all.subarray(settled);
  }

  /** Undefined when there was none. */
  async finish(): Promise<ArtifactRef | undefined> {
    this.#keep(this.#secrets.bytes(this.#held));
    this.#held = new Uint8Array();
    const sink = this.#sink;
    this.#sink = undefined;
    return sink?.finish();
  }

  discard(): void {
    this.#sink?.discard();
    this.#sink = undefined;
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#sink ??= this.#artifacts.begin();
    this.#sink.write(bytes);
  }
}
