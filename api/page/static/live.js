// Keeps the page fresh: fetches it again and exchanges the parts marked data-live. Without
// JavaScript the page is the same, and is reloaded by hand.
const PERIOD_MS = 5000;

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = fresh.title;
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (next && !part.contains(document.activeElement)) part.replaceChildren(...next.childNodes);
  }
}

setInterval(() => refresh().catch((error) => {
  document.querySelector("[data-live=asof]").textContent = `not updated: ${error.message}`;
}), PERIOD_MS);
