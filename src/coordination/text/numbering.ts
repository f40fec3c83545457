/**
 * Numbers texts, so that a large graph can be worked on in arrays of integers.
 * It knows nothing of what the texts mean.
 */

/**
 * Gives each different text a number, from 0, in the order in which they come.
 *
 * On a bare object, because the engine looks strings up in it about twice as fast as in a Map, and half a million
 * look-ups were most of the time that ordering a large plan took. It has no prototype, so every text is a key like any other.
 */
export class Numbering {
  /** By number. */
  readonly texts: string[] = [];
  private readonly numbers: Record<string, number> = Object.create(null);

  of(text: string): number {
    const known = this.numbers[text];
    if (known !== undefined) return known;
    const next = this.texts.length;
    this.numbers[text] = next;
    this.texts.push(text);
    return next;
  }
}
