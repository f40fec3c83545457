/**
 * The forms in which a secret may come back from whoever was told it: as it is, and as honest servers and programs write texts in
 * JSON, URLs, HTML, base64 and hexadecimal. It is no defence against one that hides it on purpose. Pure.
 */

/** In no order, each once. */
export function formsOf(value: string): readonly string[] {
  const written = [Buffer.from(value), latin1Of(value)].filter((bytes) => bytes !== undefined);
  return [
    ...new Set([
      value,
      mojibake(value),
      ...inJson(value),
      ...inUrls(value),
      ...inHtml(value),
      ...written.flatMap(inBase64),
      ...written.flatMap((bytes) => bothCases(bytes.toString("hex"))),
    ]),
  ];
}

/** The same bytes where they are not UTF-8; undefined where a text has no other. */
export function latin1Of(value: string): Buffer | undefined {
  return /^[\0-\xff]*[\x80-\xff][\0-\xff]*$/.test(value) ? Buffer.from(value, "latin1") : undefined;
}

/** UTF-8 that was taken for Latin-1, as headers are. */
function mojibake(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** Some escape slashes (PHP), what is not ASCII (Python), what means something in HTML (Go, Gson), or everything. */
function inJson(text: string): readonly string[] {
  const plain = JSON.stringify(text).slice(1, -1);
  const ascii = plain.replaceAll(/[\x7f-\uffff]/g, escaped);
  const written = [plain, ascii].flatMap((one) => [
    one,
    one.replaceAll("/", "\\/"),
    one.replaceAll(/[<>&\u2028\u2029]/g, escaped),
    one.replaceAll(/[<>&='\u2028\u2029]/g, escaped),
  ]);
  return [...written, text.replaceAll(/[\s\S]/g, escaped)].flatMap((one) => [
    one,
    one.replaceAll(/\\u[0-9a-f]{4}/g, (unit) => `\\u${unit.slice(2).toUpperCase()}`),
  ]);
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** By the component, by the form, by the letter of RFC 3986. */
function inUrls(text: string): readonly string[] {
  if (!text.isWellFormed()) return [];
  const component = encodeURIComponent(text);
  const strict = component.replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const form = new URLSearchParams({ "": text }).toString().slice(1);
  return [component, strict, form].flatMap((written) => [
    written,
    written.replaceAll(/%[0-9A-F]{2}/g, (octet) => octet.toLowerCase()),
  ]);
}

function inHtml(text: string): readonly string[] {
  const written = Bun.escapeHTML(text);
  const decimal = written.replaceAll("&#x27;", "&#39;");
  return [written, decimal, decimal.replaceAll("&quot;", "&#34;")];
}

/** Shorter pieces stand in any base64 by chance. */
const pieceCharsMin = 8;

/** Whole, and as a piece of something longer: what stands before it decides which bits share a letter. */
function inBase64(bytes: Buffer): readonly string[] {
  const whole = bytes.toString("base64");
  const pieces = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
  const found = [whole, whole.replace(/=+$/, ""), ...pieces.filter((one) => one.length >= pieceCharsMin)];
  return found.flatMap((text) => [text, text.replaceAll("+", "-").replaceAll("/", "_")]);
}

function bothCases(hexadecimal: string): readonly string[] {
  return [hexadecimal, hexadecimal.toUpperCase()];
}
