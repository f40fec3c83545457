/**
 * The evidence files of a run as they were sealed, and one of them as text. Only a name that is in the seal is opened, and only below
 * the run's own folder.
 */
import { relative } from "node:path";
import { AkcError } from "../../errors.ts";
import { evidencePaths } from "../../evidence/layout.ts";
import { limits } from "../../limits.ts";
import { html, type Markup } from "../../picture/html/markup.ts";
import type { EvidenceFile } from "../../store/contract.ts";
import { readFileBounded, resolveConfined } from "../../system/files.ts";
import type { FoundRun, Page } from "../model.ts";
import { withRun } from "../reading/outputs.ts";
import { type Column, table } from "../table.ts";
import { number, shortId } from "../words.ts";
import { type Asked, type Desk, runHref } from "./desk.ts";
import { runPage } from "./run-frame.ts";

export async function evidencePage(desk: Desk, run: FoundRun): Promise<Page> {
  const files = await withRun(run, (reader) => reader.evidenceFiles());
  const { evidenceSeq, lastSeq } = run.row;
  const state =
    evidenceSeq === null
      ? "They are written when the run ends, or when it is stopped."
      : evidenceSeq === lastSeq
        ? "They cover all that happened."
        : `They cover the events up to number ${number(evidenceSeq)} of ${number(lastSeq)}.`;
  const { folder } = evidencePaths(run.scopeRoot, run.row.context);
  return runPage(desk, run, {
    view: "evidence",
    live: true,
    parts: [
      {
        id: "evidence",
        body: html`<p>${state} They lie in <code class="path">${folder}</code>.</p>${table(files, columns(desk, run), { caption: "Evidence files", empty: "No evidence was written yet." })}`,
      },
    ],
  });
}

function columns(desk: Desk, run: FoundRun): readonly Column<EvidenceFile>[] {
  return [
    { title: "File", isHead: true, cell: ({ name }) => fileLink(desk, run, name) },
    { title: "Bytes", align: "end", cell: ({ sizeBytes }) => number(sizeBytes) },
    { title: "SHA-256", cell: ({ sha256 }) => shortId(sha256, 24) },
  ];
}

function fileLink(desk: Desk, run: FoundRun, name: string): Markup {
  return html`<a href="${`${runHref(desk, run, "file")}?${new URLSearchParams({ name })}`}">${name}</a>`;
}

/** The text of one of them. @throws AkcError FILE_NOT_FOUND, FILE_TOO_LARGE, PATH_UNSAFE */
export async function evidenceText(run: FoundRun, { params }: Asked): Promise<string> {
  const name = params.get("name") ?? "";
  const files = await withRun(run, (reader) => reader.evidenceFiles());
  if (!files.some((file) => file.name === name)) {
    throw new AkcError("FILE_NOT_FOUND", {
      message: "the run has no such evidence file",
      hint: "Those that it has are listed on its page.",
    });
  }
  const { folder } = evidencePaths(run.scopeRoot, run.row.context);
  const path = await resolveConfined(run.scopeRoot, `${relative(run.scopeRoot, folder)}/${name}`);
  return new TextDecoder().decode(await readFileBounded(path, limits.uiOutputBytesMax));
}
