/**
 * What a child wrote: whole and by hash in the artifact store, its beginning as text in the action's result.
 * Nothing is stored for a stream that stayed empty.
 */
import { limits } from "../../limits.ts";
import type { ArtifactRef, ArtifactSink, ArtifactStore } from "../contract.ts";

/** UTF-8 takes at most four bytes a character. */
const headBytesMax = limits.outputSnippetChars * 4;

export class CapturedStream {
  readonly #artifacts: ArtifactStore;
  #sink: ArtifactSink | undefined;
  #discarded = false;
  readonly #head: Uint8Array[] = [];
  #headBytes = 0;

  constructor(artifacts: ArtifactStore) {
    this.#artifacts = artifacts;
  }

  write(bytes: Uint8Array): void {
    // What is still on its way when nobody wants it any more must not begin another file.
    if (bytes.length === 0 || this.#discarded) return;
    this.#sink ??= this.#artifacts.begin();
    this.#sink.write(bytes);
    if (this.#headBytes >= headBytesMax) return;
    const part = bytes.subarray(0, headBytesMax - this.#headBytes);
    this.#head.push(part);
    this.#headBytes += part.length;
  }

  /** Undefined when nothing was written. */
  async finish(): Promise<ArtifactRef | undefined> {
    const sink = this.#sink;
    this.#sink = undefined;
    return sink?.finish();
  }

  discard(): void {
    this.#discarded = true;
    this.#sink?.discard();
    this.#sink = undefined;
  }

  /** The first characters; what is not UTF-8 becomes U+FFFD. */
  snippet(): string {
    if (this.#headBytes === 0) return "";
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(this.#head));
    if (text.length <= limits.outputSnippetChars) return text;
    // Characters, not UTF-16 units: a pair is never cut in half.
    return Array.from(text).slice(0, limits.outputSnippetChars).join("");
  }
}
