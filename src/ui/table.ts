/**
 * Tables and the links that page through them: a heading for each column, a name for readers, room to scroll on a small screen. Pure.
 */

import { limits } from "../limits.ts";
import { type Content, html, type Markup, nothing } from "../picture/html/markup.ts";
import { number } from "./words.ts";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => Content;
  /** Numbers stand at the end of their cell. */
  readonly align?: "end";
  /** Names the row for readers. */
  readonly isHead?: boolean;
  /** May be left out where there is little room. */
  readonly isWide?: boolean;
  /** Stays on one line. */
  readonly isTight?: boolean;
}

export interface TableWords {
  /** What it is a table of; read out, and not shown. */
  readonly caption: string;
  readonly empty: string;
}

export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { caption, empty }: TableWords,
): Markup {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  const classes = ({ align, isWide, isTight }: Column<Row>) =>
    [align === "end" ? "end" : "", isWide === true ? "wide" : "", isTight === true ? "tight" : ""]
      .join(" ")
      .trim();
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table><caption class="unseen">${caption}</caption>
<thead><tr>${columns.map((column) => html`<th scope="col" class="${classes(column)}">${column.title}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row) =>
      html`<tr>${columns.map((column) =>
        column.isHead === true
          ? html`<th scope="row" class="${classes(column)}">${column.cell(row)}</th>`
          : html`<td class="${classes(column)}">${column.cell(row)}</td>`,
      )}</tr>\n`,
  )}</tbody></table></div>`;
}

/** Names and values beneath each other. Those without a value are left out. */
export function facts(rows: readonly (readonly [string, Content])[]): Markup {
  return html`<dl class="facts">${rows
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

export interface Paged<Row> {
  /** Those of the page that is asked for. */
  readonly rows: readonly Row[];
  /** Where this page stands among the others; nothing where there is only one. */
  readonly pager: Markup;
}

/** @param path where the list is: another page of it is asked for by `page`, from 1 */
export function paged<Row>(all: readonly Row[], path: string, params: URLSearchParams): Paged<Row> {
  const perPage = limits.uiRowsPerPage;
  const last = Math.max(1, Math.ceil(all.length / perPage));
  const asked = Number(params.get("page") ?? "1");
  const page = Number.isSafeInteger(asked) ? Math.min(Math.max(1, asked), last) : 1;
  const from = (page - 1) * perPage;
  const rows = all.slice(from, from + perPage);
  if (last === 1) return { rows, pager: nothing };
  const link = (to: number, words: string, rel: string) =>
    to < 1 || to > last || to === page
      ? html`<span class="off">${words}</span>`
      : html`<a href="${withParams(path, params, { page: String(to) })}" rel="${rel}">${words}</a>`;
  const pager = html`<nav class="pager" aria-label="Pages">${link(1, "First", "first")}${link(page - 1, "Back", "prev")}<span>${number(from + 1)} to ${number(from + rows.length)} of ${number(all.length)}</span>${link(page + 1, "On", "next")}${link(last, "Last", "last")}</nav>`;
  return { rows, pager };
}

export interface Choice {
  /** Value of the parameter; undefined or empty: all. */
  readonly value: string | undefined;
  readonly words: string;
  /** Rows that it leaves. */
  readonly count: number;
}

/** Links that narrow a list by one parameter. */
export function choices(
  label: string,
  { path, params, name }: { readonly path: string; readonly params: URLSearchParams; readonly name: string },
  all: readonly Choice[],
  chosen: string | undefined,
): Markup {
  return html`<ul class="chips" aria-label="${label}">${all.map(
    ({ value, words, count }) =>
      html`<li><a class="chip" href="${withParams(path, params, { [name]: value, page: undefined })}"${value === chosen ? html` aria-current="true"` : nothing}>${words} <span class="count">${number(count)}</span></a></li>`,
  )}</ul>`;
}

/** The same address with other parameters; undefined takes one away. */
function withParams(
  path: string,
  params: URLSearchParams,
  change: Readonly<Record<string, string | undefined>>,
): string {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(change)) {
    if (value === undefined || value === "") next.delete(name);
    else next.set(name, value);
  }
  const query = next.toString();
  return query === "" ? path : `${path}?${query}`;
}
