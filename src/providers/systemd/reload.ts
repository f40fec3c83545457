/**
 * `daemon-reload`, once for all who want one at about the same time: each is served by a reload that began after it asked.
 * It never serves anybody with a reload that was under way already, and waits for others only a moment.
 */
export interface ReloadDeps {
  readonly reload: () => Promise<void>;
  /** As long as a reload waits at most for changes that are being prepared; ends at once when the signal aborts. */
  readonly patience: (signal: AbortSignal) => Promise<void>;
}

/** A change on its way to a reload that it may need. */
export interface Preparation {
  /** Its files are written. @throws whatever the reload throws */
  ask(): Promise<void>;
  /** It needs none, or not any more. May be said more than once, and after `ask`. */
  end(): void;
}

export class Reloads {
  readonly #deps: ReloadDeps;
  #preparing = 0;
  /** Aborts when nobody prepares anything any more. */
  #quiet = new AbortController();
  /** Not begun yet: whoever asks now is served by it. */
  #next: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: ReloadDeps) {
    this.#deps = deps;
  }

  prepare(): Preparation {
    this.#preparing += 1;
    let open = true;
    const end = () => {
      if (!open) return;
      open = false;
      this.#preparing -= 1;
      if (this.#preparing === 0) this.#quiet.abort();
    };
    return {
      end,
      ask: () => {
        end();
        this.#next ??= this.#begin(this.#running);
        return this.#next;
      },
    };
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await this.#next?.catch(() => undefined);
    await this.#running;
  }

  async #begin(before: Promise<void>): Promise<void> {
    await before;
    if (this.#preparing > 0) {
      this.#quiet = new AbortController();
      await this.#deps.patience(this.#quiet.signal);
    }
    this.#next = undefined;
    const reload = this.#deps.reload();
    this.#running = reload.catch(() => undefined);
    await reload;
  }
}
