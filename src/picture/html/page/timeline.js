/**
 * Draws the time line of a large run: only the rows that are seen, zoomed and walked like the graph.
 */
(() => {
  const { begin, clamp, colours, elapsed, endTones, font, goTo, kindTones, sized, soon, tones, tools } =
    globalThis.akcPicture;

  const rowHigh = 18;
  const axisHigh = 22;

  const drawTimeline = (canvas, data) => {
    const { names, stands, phases, kinds, ends, path } = data;
    const said = document.getElementById("timeline-said");
    const holder = canvas.parentElement;
    const space = holder.querySelector(".timeline-space");
    const critical = new Set();
    let told = -1;
    let seenMs = data.lengthMs;
    let rows = data.rows;
    let chosen = -1;
    let from = 0;
    let shownMs = Math.max(1, data.lengthMs);
    const labelWide = () => Math.min(190, canvas.clientWidth * 0.3);
    const fill = () => {
      const high = axisHigh + rows.length * rowHigh + 8;
      // The canvas stands in the first screen of the space and stays there while the space scrolls.
      space.style.height = `${Math.max(0, high - canvas.clientHeight)}px`;
    };
    const learn = () => {
      if (told === data.told) return;
      told = data.told;
      critical.clear();
      for (const step of path) critical.add(step);
      // Who sees all goes on to see all.
      if (shownMs >= seenMs) shownMs = Math.max(1, data.lengthMs);
      seenMs = data.lengthMs;
    };
    const draw = soon(() => {
      learn();
      const { pen, width, height } = sized(canvas);
      const colour = colours();
      const ink = colour("ink");
      const left = labelWide();
      const wide = width - left - 10;
      const x = (ms) => left + ((ms - from) / shownMs) * wide;
      pen.font = font(11);
      pen.strokeStyle = colour("line");
      pen.fillStyle = colour("soft");
      pen.lineWidth = 1;
      const wanted = shownMs / Math.max(2, wide / 110);
      const unit = 10 ** Math.floor(Math.log10(Math.max(1, wanted)));
      const every = [1, 2, 5, 10].map((factor) => factor * unit).find((size) => size >= wanted) ?? wanted;
      for (let tick = Math.ceil(from / every) * every; tick <= from + shownMs; tick += every) {
        pen.beginPath();
        pen.moveTo(x(tick), axisHigh);
        pen.lineTo(x(tick), height);
        pen.stroke();
        pen.fillText(elapsed(tick), x(tick) + 3, 14);
      }
      const first = Math.floor(holder.scrollTop / rowHigh);
      pen.save();
      pen.beginPath();
      pen.rect(0, axisHigh, width, height);
      pen.clip();
      for (let at = first; at < rows.length; at += 1) {
        const y = axisHigh + at * rowHigh - holder.scrollTop;
        if (y > height) break;
        const row = rows[at];
        const step = row[0];
        if (at === chosen) {
          pen.fillStyle = colour("busy-fill");
          pen.fillRect(0, y, width, rowHigh);
        }
        pen.save();
        pen.beginPath();
        pen.rect(left, y, wide + 10, rowHigh);
        pen.clip();
        for (let part = 1; part < row.length; part += 4) {
          const kind = kinds[row[part]];
          const begin = x(row[part + 1]);
          const long = Math.max((row[part + 2] / shownMs) * wide, kind === "work" ? 1.5 : 0);
          if (begin + long < left || begin > width) continue;
          pen.fillStyle = colour(kind === "work" ? endTones[ends[row[part + 3]]] : kindTones[kind]);
          if (kind === "work") pen.fillRect(begin, y + 3, long, rowHigh - 6);
          else pen.fillRect(begin, y + rowHigh / 2 - 1.5, long, 3);
        }
        pen.restore();
        const [phase, sign] = phases[stands[step]];
        pen.fillStyle = colour(tones[phase]);
        pen.font = font(11, true);
        pen.fillText(sign, 8, y + 13);
        pen.fillStyle = ink;
        pen.font = font(11, critical.has(step));
        const room = Math.floor((left - 30) / 6.4);
        const name = names[step];
        pen.fillText(name.length > room ? `${name.slice(0, Math.max(1, room - 1))}…` : name, 22, y + 13);
      }
      pen.restore();
    });
    const choose = (at) => {
      chosen = at;
      const row = rows[at];
      if (row === undefined) said.textContent = "";
      else {
        const worked = row.reduce(
          (sum, _, part) => (part % 4 === 1 && kinds[row[part]] === "work" ? sum + row[part + 2] : sum),
          0,
        );
        const began = row.find((_, part) => part % 4 === 2 && kinds[row[part - 1]] === "work");
        said.textContent = `${names[row[0]]}: ${phases[stands[row[0]]][0]}, began after ${elapsed(began ?? 0)}, worked ${elapsed(worked)}${critical.has(row[0]) ? ", on the critical path" : ""}`;
      }
      draw();
    };
    const reveal = (at) => {
      const y = at * rowHigh;
      const room = canvas.clientHeight - axisHigh - rowHigh;
      holder.scrollTop = clamp(holder.scrollTop, y - room, y);
      choose(at);
    };
    const zoom = (factor, part = 0.5) => {
      const middle = from + shownMs * part;
      shownMs = clamp(shownMs / factor, Math.min(5, Math.max(1, data.lengthMs)), Math.max(1, data.lengthMs));
      from = clamp(middle - shownMs * part, 0, Math.max(0, data.lengthMs - shownMs));
      draw();
    };
    const move = (part) => {
      from = clamp(from + shownMs * part, 0, Math.max(0, data.lengthMs - shownMs));
      draw();
    };
    const all = () => {
      from = 0;
      shownMs = Math.max(1, data.lengthMs);
      draw();
    };
    const rowAt = (event) => {
      const y = event.clientY - canvas.getBoundingClientRect().top;
      if (y < axisHigh) return -1;
      const at = Math.floor((y - axisHigh + holder.scrollTop) / rowHigh);
      return at < rows.length ? at : -1;
    };
    holder.addEventListener("scroll", draw);
    canvas.addEventListener("pointermove", (event) => {
      const at = rowAt(event);
      if (at !== chosen) choose(at);
    });
    canvas.addEventListener("dblclick", (event) => {
      const row = rows[rowAt(event)];
      if (row !== undefined) goTo(row[0]);
    });
    canvas.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        const box = canvas.getBoundingClientRect();
        zoom(
          Math.exp(-event.deltaY / 300),
          clamp((event.clientX - box.left - labelWide()) / Math.max(1, box.width - labelWide()), 0, 1),
        );
      },
      { passive: false },
    );
    canvas.addEventListener("keydown", (event) => {
      const keys = {
        ArrowUp: () => reveal(Math.max(0, chosen - 1)),
        ArrowDown: () => reveal(Math.min(rows.length - 1, chosen + 1)),
        PageUp: () => reveal(Math.max(0, chosen - 20)),
        PageDown: () => reveal(Math.min(rows.length - 1, chosen + 20)),
        Home: () => reveal(0),
        End: () => reveal(rows.length - 1),
        ArrowLeft: () => move(-0.15),
        ArrowRight: () => move(0.15),
        "+": () => zoom(1.3),
        "=": () => zoom(1.3),
        "-": () => zoom(1 / 1.3),
        0: all,
        Enter: () => rows[chosen] !== undefined && goTo(rows[chosen][0]),
      };
      const work = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
      if (work === undefined) return;
      event.preventDefault();
      work();
    });
    tools("timeline", {
      in: () => zoom(1.5),
      out: () => zoom(1 / 1.5),
      fit: all,
      path: ({ checked }) => {
        rows = checked ? data.rows.filter(([step]) => critical.has(step)) : data.rows;
        holder.scrollTop = 0;
        fill();
        choose(-1);
      },
    });
    return () => {
      fill();
      draw();
    };
  };

  begin("timeline", drawTimeline);
})();
