/** Pages that say one thing: what went wrong, or what came of a word. */
import type { AkcError } from "../../errors.ts";
import { redactText } from "../../evidence/redact.ts";
import { html, nothing } from "../../picture/html/markup.ts";
import type { Page, Told } from "../model.ts";

export function notFoundPage(): Page {
  return note("There is nothing here", 404, "The address leads to nothing that this server shows.");
}

export function faultPage(fault: AkcError): Page {
  const isMissing = /_NOT_FOUND$/.test(fault.code);
  return {
    title: isMissing ? "There is nothing here" : "It cannot be shown",
    place: undefined,
    path: [],
    status: isMissing ? 404 : fault.class === "usage" ? 400 : 500,
    live: false,
    parts: [
      {
        id: "fault",
        body: html`<section class="note bad"><p>${redactText(fault.message, [])} <code>${fault.code}</code></p><p class="faint">${redactText(fault.hint, [])}</p></section>`,
      },
    ],
  };
}

/** @param back where the form was */
export function toldPage({ isDone, lines, code }: Told, back: string): Page {
  return {
    title: isDone ? "It is said" : "It was not said",
    place: undefined,
    path: [],
    status: isDone ? 200 : 409,
    live: false,
    parts: [
      {
        id: "told",
        body: html`<section class="note ${isDone ? "good" : "bad"}">${lines.map((line) => html`<p>${redactText(line, [])}</p>`)}${code === undefined ? nothing : html`<p><code>${code}</code></p>`}</section><p><a href="${back}">Back</a></p>`,
      },
    ],
  };
}

function note(title: string, status: number, words: string): Page {
  return {
    title,
    place: undefined,
    path: [],
    status,
    live: false,
    parts: [{ id: "note", body: html`<p class="empty">${words}</p>` }],
  };
}
