// Keeps a page as it is: takes what has changed and changes only that. Without it, every page is whole.

(() => {
  // From a step of a drawing to its page.
  document.addEventListener("step", ({ detail }) =>
    location.assign(`${location.pathname}/step?at=${detail}`),
  );

  const main = document.querySelector("main[data-live]");
  const pulse = document.getElementById("pulse");
  if (main === null || !("EventSource" in window)) return;
  let source;
  let again;

  const say = (words, state) => {
    if (pulse === null || pulse.textContent === words) return;
    pulse.textContent = words;
    pulse.className = `pulse ${state}`;
  };

  const parts = () => [...main.querySelectorAll("[data-part]")];

  const listen = () => {
    if (source !== undefined || document.hidden) return;
    const has = parts()
      .map((part) => `${part.dataset.part}.${part.dataset.sum}`)
      .join("~");
    source = new EventSource(`${main.dataset.live}&has=${encodeURIComponent(has)}`);
    source.onopen = () => say("live", "on");
    source.onerror = () => {
      hush();
      say("not connected", "off");
      clearTimeout(again);
      again = setTimeout(listen, 2000);
    };
    source.addEventListener("part", (event) => {
      const { id, sum, html } = JSON.parse(event.data);
      const part = parts().find((one) => one.dataset.part === id);
      if (part === undefined) return;
      const fresh = new DOMParser().parseFromString(`<!doctype html><body>${html}`, "text/html").body;
      const wasDrawn = part.querySelector("#picture-data") !== null;
      renew(part, fresh);
      part.dataset.sum = sum;
      if (part.querySelector("#picture-data") === null) return;
      if (wasDrawn) document.dispatchEvent(new Event("picture"));
      else location.reload();
    });
  };

  const hush = () => {
    if (source !== undefined) source.close();
    source = undefined;
  };

  /** A browser has few connections to a host: a page that nobody sees gives its own back. */
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hush();
    else listen();
  });
  addEventListener("pagehide", hush);
  addEventListener("pageshow", listen);

  /** Makes `old` hold what `fresh` holds, and leaves alone what is the same: focus, text that is being typed, what is opened, how far it is scrolled. */
  const renew = (old, fresh) => {
    const wanted = [...fresh.childNodes];
    for (const [at, node] of wanted.entries()) {
      let found = old.childNodes[at];
      if (node.id) {
        for (let one = found; one; one = one.nextSibling) {
          if (one.id === node.id) {
            if (one !== found) old.insertBefore(one, found);
            found = one;
            break;
          }
        }
      }
      if (found === undefined) old.append(node);
      else if (found.isEqualNode(node) || isDrawn(found)) continue;
      else if (
        found.nodeType === 1 &&
        node.nodeType === 1 &&
        found.tagName === node.tagName &&
        found.id === node.id
      ) {
        dress(found, node);
        renew(found, node);
      } else if (found.nodeType === 3 && node.nodeType === 3) found.data = node.data;
      else if (node.id) old.insertBefore(node, found);
      else found.replaceWith(node);
    }
    while (old.childNodes.length > wanted.length) old.lastChild.remove();
  };

  /** What the script of the picture has made its own. */
  const isDrawn = (node) =>
    node.nodeType === 1 && node.matches("canvas, .canvas-tools, .said, .timeline-space");

  const dress = (old, fresh) => {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !(old.tagName === "DETAILS" && name === "open"))
        old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes)
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  };

  listen();
})();
