/** The few colours of akc, by meaning. Without colours every function returns its text unchanged. */
export interface Style {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  busy(text: string): string;
  faint(text: string): string;
  strong(text: string): string;
}

export function styleOf(color: boolean): Style {
  const paint = (open: number, close: number) => (text: string) =>
    color && text !== "" ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    good: paint(32, 39),
    bad: paint(31, 39),
    warn: paint(33, 39),
    busy: paint(36, 39),
    faint: paint(2, 22),
    strong: paint(1, 22),
  };
}
