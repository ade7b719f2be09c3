// Keeps the page fresh: fetches it again and exchanges the parts marked data-live. Without
// JavaScript the page is the same, and is reloaded by hand.
const PERIOD_MS = 5000;

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = fresh.title;
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (next) exchange(part, next);
  }
}

// Whoever walks the links with the keyboard stays on the link.
function exchange(part, next) {
  const link = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  part.replaceChildren(...next.childNodes);
  if (link !== null) part.querySelector(`a[href="${CSS.escape(link)}"]`)?.focus({ preventScroll: true });
}

async function keepFresh() {
  if (!document.hidden) {
    await refresh().catch((error) => {
      document.querySelector("[data-live=asof]").textContent = `not updated: ${error.message}`;
    });
  }
  setTimeout(keepFresh, PERIOD_MS);
}

setTimeout(keepFresh, PERIOD_MS);
