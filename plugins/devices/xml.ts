/**
 * A small strict reader of XML for reports: elements, attributes and text, of bounded size and depth. No DTD, so no entities but
 * the five that XML brings along, and nothing is ever fetched or expanded.
 *
 * Source: https://www.w3.org/TR/xml/
 */

export interface XmlHandler {
  open(name: string, attributes: ReadonlyMap<string, string>): void;
  text(text: string): void;
  close(name: string): void;
}

/** Not XML as this reader takes it, or more than it takes. */
export class XmlFault extends Error {}

const bounds = { bytes: 8 * 1024 * 1024, depth: 32, elements: 100_000, attributes: 64 } as const;

/** @throws XmlFault, and whatever the handler throws */
export function readXml(bytes: Uint8Array, handler: XmlHandler): void {
  if (bytes.length > bounds.bytes) throw new XmlFault(`it is larger than ${bounds.bytes} bytes`);
  new XmlReader(decoded(bytes), handler).read();
}

const nameStart = "[A-Za-z_:\\u00c0-\\ud7ff\\uf900-\\ufffd]";
const name = `${nameStart}(?:${nameStart}|[-.0-9\\u00b7])*`;

const openTag = new RegExp(`<(${name})`, "y");
const closeTag = new RegExp(`</(${name})\\s*>`, "y");
const attribute = new RegExp(`\\s+(${name})\\s*=\\s*(?:"([^"<]*)"|'([^'<]*)')`, "y");
const tagEnd = /\s*(\/?)>/y;
const declaration =
  /^<\?xml\s+version\s*=\s*["']1\.[01]["'](?:\s+encoding\s*=\s*["']([A-Za-z0-9._-]+)["'])?[^<>?]*\?>/;
const instruction = /<\?(?!xml[\s?])[^\s?<>][^?]*(?:\?(?!>)[^?]*)*\?>/iy;
// Characters that XML does not allow at all.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

class XmlReader {
  readonly #text: string;
  readonly #handler: XmlHandler;
  readonly #open: string[] = [];
  #at = 0;
  #elements = 0;

  constructor(text: string, handler: XmlHandler) {
    this.#text = text;
    this.#handler = handler;
  }

  read(): void {
    const head = declaration.exec(this.#text);
    if (head !== null && !/^(?:utf-8|us-ascii)$/i.test(head[1] ?? "utf-8"))
      throw this.#fault("it is not UTF-8");
    this.#at = head?.[0].length ?? 0;
    while (this.#at < this.#text.length) this.#next();
    if (this.#open.length > 0) throw this.#fault(`<${this.#open.at(-1)}> is not closed`);
    if (this.#elements === 0) throw this.#fault("there is no element");
  }

  #next(): void {
    const text = this.#text;
    if (text[this.#at] !== "<") this.#characters();
    else if (text[this.#at + 1] === "/") this.#closing();
    else if (text[this.#at + 1] === "?") this.#take(instruction, "a processing instruction is malformed");
    else if (text.startsWith("<!--", this.#at)) this.#skipComment();
    else if (text.startsWith("<![CDATA[", this.#at)) this.#cdata();
    else if (text[this.#at + 1] === "!") throw this.#fault("declarations are not taken");
    else this.#opening();
  }

  #opening(): void {
    const [, name = ""] = this.#take(openTag, "a tag is malformed");
    if (this.#open.length === 0 && this.#elements > 0) throw this.#fault("there is more than one root");
    if (this.#open.length >= bounds.depth) throw this.#fault(`it is deeper than ${bounds.depth}`);
    this.#elements += 1;
    if (this.#elements > bounds.elements) throw this.#fault(`it has more than ${bounds.elements} elements`);
    const attributes = this.#attributes(name);
    const [, empty] = this.#take(tagEnd, `<${name}> is malformed`);
    this.#handler.open(name, attributes);
    if (empty === "/") this.#handler.close(name);
    else this.#open.push(name);
  }

  #attributes(tag: string): ReadonlyMap<string, string> {
    const attributes = new Map<string, string>();
    for (;;) {
      attribute.lastIndex = this.#at;
      const found = attribute.exec(this.#text);
      if (found === null) return attributes;
      const [whole, name = "", double, single] = found;
      if (attributes.has(name)) throw this.#fault(`<${tag}> has ${name} twice`);
      if (attributes.size >= bounds.attributes) throw this.#fault(`<${tag}> has too many attributes`);
      attributes.set(name, this.#unescaped(double ?? single ?? ""));
      this.#at += whole.length;
    }
  }

  #closing(): void {
    const [, name] = this.#take(closeTag, "a closing tag is malformed");
    const open = this.#open.pop();
    if (name === undefined || name !== open) throw this.#fault(`</${name}> closes nothing`);
    this.#handler.close(name);
  }

  #characters(): void {
    const end = this.#text.indexOf("<", this.#at);
    const raw = this.#text.slice(this.#at, end === -1 ? undefined : end);
    if (this.#open.length === 0) {
      if (raw.trim() !== "") throw this.#fault("there is text outside of the root");
    } else {
      if (raw.includes("]]>")) throw this.#fault("there is ]]> in text");
      this.#handler.text(this.#unescaped(raw));
    }
    this.#at += raw.length;
  }

  #cdata(): void {
    const end = this.#text.indexOf("]]>", this.#at);
    if (end === -1 || this.#open.length === 0) throw this.#fault("a CDATA section is malformed");
    this.#handler.text(this.#text.slice(this.#at + "<![CDATA[".length, end));
    this.#at = end + 3;
  }

  #skipComment(): void {
    const end = this.#text.indexOf("--", this.#at + 4);
    if (end === -1 || this.#text[end + 2] !== ">") throw this.#fault("a comment is malformed");
    this.#at = end + 3;
  }

  #unescaped(raw: string): string {
    if (!raw.includes("&")) return raw;
    return raw.replaceAll(/&([^;]{0,12});?/g, (whole, entity: string) => {
      const character = whole.endsWith(";") ? characterOf(entity) : undefined;
      if (character === undefined) throw this.#fault("an entity is not known");
      return character;
    });
  }

  #take(pattern: RegExp, fault: string): RegExpExecArray {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) throw this.#fault(fault);
    this.#at += found[0].length;
    return found;
  }

  #fault(what: string): XmlFault {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    return new XmlFault(`${what} (line ${line})`);
  }
}

const named: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function characterOf(entity: string): string | undefined {
  if (Object.hasOwn(named, entity)) return named[entity];
  const found = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(entity);
  if (found === null) return undefined;
  const code = Number.parseInt(found[1] ?? found[2] ?? "", found[1] === undefined ? 10 : 16);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  const character = String.fromCodePoint(code);
  return forbidden.test(character) ? undefined : character;
}

function decoded(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new XmlFault("it is not UTF-8");
  }
  if (forbidden.test(text)) throw new XmlFault("it holds characters that XML does not allow");
  return text;
}
