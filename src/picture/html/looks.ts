/**
 * The look of pictures and what makes them move, as texts that go into a page: of the report, and of any other page that shows
 * pictures of runs. They name no file and no address, so that a page with them needs nothing else.
 */
import canvasScript from "./page/canvas.js" with { type: "text" };
import colours from "./page/colours.css" with { type: "text" };
import figures from "./page/figures.css" with { type: "text" };
import graphScript from "./page/graph.js" with { type: "text" };
import tablesScript from "./page/tables.js" with { type: "text" };
import timelineScript from "./page/timeline.js" with { type: "text" };
import words from "./page/words.css" with { type: "text" };

/** Colours by light and dark, badges, tables, graph and time line. */
export const pictureStyles: string = [colours, words, figures].join("\n");

/** Sorts and filters tables, draws the canvases of `pictureData`. Goes last into the page. */
export const pictureScript: string = [tablesScript, canvasScript, graphScript, timelineScript].join("\n");
