/** Writes a word so that a shell takes it back as it is: for commands that are printed to be typed next. */

/** Plain where that is safe, in single quotes elsewhere. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
