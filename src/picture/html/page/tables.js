/**
 * Lets the tables of a page be sorted and filtered, and shows what belongs to a step of a small graph. Without it all of them are still
 * there and readable.
 */
(() => {
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

  const rowsOf = (table) => [...table.tBodies].flatMap((body) => [...body.rows]);
  /** The rows of each table in the order that was asked for last. */
  const orders = new Map();
  /** Gives the rows to the parts of the table in this order, those that are shown first: a part without any takes no room. */
  const deal = (table, rows) => {
    orders.set(table, rows);
    const bodies = [...table.tBodies];
    const ordered =
      bodies.length === 1
        ? rows
        : [...rows.filter(({ hidden }) => !hidden), ...rows.filter(({ hidden }) => hidden)];
    const size = Math.ceil(rows.length / bodies.length);
    for (const [at, body] of bodies.entries()) {
      const part = ordered.slice(at * size, (at + 1) * size);
      body.append(...part);
      body.hidden = part.every(({ hidden }) => hidden);
    }
  };
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    const told = cell?.dataset.v ?? (cell?.textContent.trim() || "");
    const number = Number(told);
    return told !== "" && Number.isFinite(number) ? number : told;
  };
  const compare = (left, right) => {
    if (left === "" || right === "") return left === right ? 0 : left === "" ? 1 : -1;
    if (typeof left === "number" && typeof right === "number") return left - right;
    return String(left).localeCompare(String(right), undefined, { numeric: true });
  };
  const sortBy = (table, column, heading) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of $$("thead th", table)) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = (orders.get(table) ?? rowsOf(table)).map((row, at) => ({
      row,
      at,
      key: keyOf(row, column),
    }));
    rows.sort(
      (a, b) => compare(a.key, b.key) * (down && a.key !== "" && b.key !== "" ? -1 : 1) || a.at - b.at,
    );
    deal(
      table,
      rows.map(({ row }) => row),
    );
  };
  const makeSortable = (table) => {
    for (const [column, heading] of $$("thead th", table).entries()) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      button.addEventListener("click", () => sortBy(table, column, heading));
      heading.replaceChildren(button);
    }
  };
  const makeFilter = (table) => {
    const rows = rowsOf(table);
    if (rows.length < 8) return;
    const bar = document.createElement("div");
    bar.className = "filter";
    const label = document.createElement("label");
    label.textContent = "Show rows with ";
    const input = document.createElement("input");
    input.type = "search";
    input.autocomplete = "off";
    input.spellcheck = false;
    label.append(input);
    const told = document.createElement("span");
    told.setAttribute("role", "status");
    bar.append(label, told);
    let texts;
    let waiting;
    input.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        // Cell by cell: the end of one and the beginning of the next make no word.
        texts ??= rows.map((row) => [...row.cells].map((cell) => cell.textContent.toLowerCase()).join("\n"));
        const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
        let shown = 0;
        for (const [at, row] of rows.entries()) {
          const fits = words.every((word) => texts[at].includes(word));
          row.hidden = !fits;
          if (fits) shown += 1;
        }
        deal(table, orders.get(table) ?? rows);
        told.textContent = words.length === 0 ? "" : `${shown} of ${rows.length}`;
      }, 120);
    });
    const place = table.closest(".scroll") ?? table;
    place.before(bar);
  };

  // The graph of a small run: what belongs to the step under the pointer.
  const makeNear = (svg) => {
    const edges = $$(".edge", svg);
    const steps = new Map($$(".step", svg).map((step) => [step.dataset.step, step]));
    const show = (number, on) => {
      for (const edge of edges) {
        const { from, to } = edge.dataset;
        if (from !== number && to !== number) continue;
        edge.classList.toggle("near", on);
        steps.get(from === number ? to : from)?.classList.toggle("near", on);
      }
    };
    for (const [number, step] of steps) {
      for (const kind of ["pointerenter", "focus"]) step.addEventListener(kind, () => show(number, true));
      for (const kind of ["pointerleave", "blur"]) step.addEventListener(kind, () => show(number, false));
    }
  };

  for (const table of $$("table.sortable")) {
    makeSortable(table);
    makeFilter(table);
  }
  for (const svg of $$(".graph-shapes")) makeNear(svg);
})();
