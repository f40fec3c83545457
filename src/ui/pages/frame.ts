/**
 * The page around the parts: head, menu, way, and the places that change by themselves. One document, whole without a script.
 */
import { html, type Markup, nothing } from "../../picture/html/markup.ts";
import { sumOf } from "../live/sum.ts";
import type { Page, Place } from "../model.ts";

export interface Frame {
  readonly base: string;
  /** Addresses of style and script. */
  readonly style: string;
  readonly script: string;
  readonly pictureScript: string;
  readonly icon: string;
  /** Where changes of this page are told; undefined where it does not change. */
  readonly live: string | undefined;
  /** Whether anything may be said here, and by whom. */
  readonly sender: string | undefined;
  readonly outputsRoot: string;
}

const menu: readonly (readonly [Place, string, string])[] = [
  ["runs", "Runs", ""],
  ["rollouts", "Rollouts", "rollouts"],
  ["leases", "Leases", "leases"],
  ["autopilot", "Autopilot", "autopilot"],
];

export function framed(page: Page, frame: Frame): Markup {
  const { base, live, sender, outputsRoot } = frame;
  return html`${documentHead(page.title, { ...frame, scripts: [...(page.isPicture === true ? [frame.pictureScript] : []), frame.script] })}
<body>
<a class="skip" href="#main">To the content</a>
<header class="top"><a class="name" href="${base}">akc</a>
<nav class="menu" aria-label="Main"><ul>${menu.map(
    ([place, label, path]) =>
      html`<li><a href="${base + path}"${page.place === place ? html` aria-current="page"` : nothing}>${label}</a></li>`,
  )}</ul></nav>
<p class="about"><span id="pulse" class="pulse" role="status">${live === undefined ? "" : "as of now"}</span><span class="right" title="${outputsRoot}">${sender === undefined ? "read-only" : html`control as ${sender}`}</span></p>
</header>
<main id="main"${live === undefined ? nothing : html` data-live="${live}"`}>
${page.path.length === 0 ? nothing : html`<nav aria-label="Way here" class="way">${page.path.map(({ label, href }) => html`<a href="${href}">${label}</a> <span aria-hidden="true">/</span> `)}</nav>`}
<h1>${page.title}</h1>
${page.parts.map((part) => html`<div id="${`part-${part.id}`}" data-part="${part.id}" data-sum="${sumOf(part.body)}">${part.body}</div>\n`)}</main>
</body></html>`;
}

/** A page for somebody who is not let in: it shows nothing of what is here. */
export function outside(title: string, body: Markup, frame: Pick<Frame, "style">, refresh?: string): Markup {
  return html`${documentHead(title, { ...frame, scripts: [], icon: undefined }, refresh)}
<body class="outside"><main id="main"><h1>${title}</h1>${body}</main></body></html>`;
}

function documentHead(
  title: string,
  {
    style,
    scripts,
    icon,
  }: { readonly style: string; readonly scripts: readonly string[]; readonly icon: string | undefined },
  refresh?: string,
): Markup {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">${
    refresh === undefined ? nothing : html`<meta http-equiv="refresh" content="0; url=${refresh}">`
  }
<title>${title} · akc</title>${icon === undefined ? nothing : html`<link rel="icon" href="${icon}" type="image/svg+xml">`}<link rel="stylesheet" href="${style}">${scripts.map((script) => html`<script src="${script}" defer></script>`)}</head>`;
}
