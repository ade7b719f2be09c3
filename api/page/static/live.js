// Keeps a page fresh without reloading it. The server says when there is something new; the page is
// then fetched again, and what differs is changed in place: focus, open details, charts and forms
// that somebody is filling in stay as they are. Without script the page is the same, reloaded by hand.
import { look } from "./charts.js";

const EVERY_MS = 10_000;      // where the server cannot tell
const AGAIN_MS = 60_000;      // until it is asked once more to tell
const ACCEPT = "text/html, application/problem+json"; // a page, or why there is none in few words
const touched = new WeakSet(); // forms that somebody is filling in
const late = document.getElementById("live");
const said = document.getElementById("said");
let events = null, timer = 0, busy = false, missed = false;

async function refresh() {
  if (document.hidden) { missed = true; return; }
  if (busy) { missed = true; return; }
  busy = true; missed = false;
  try {
    await show(await fetch(location.href, { headers: { Accept: ACCEPT } }));
    late.textContent = ""; late.className = "";
  } catch (error) {
    late.textContent = `Not updated: ${error.message}.`; late.className = "late";
  } finally {
    busy = false;
  }
  if (missed) setTimeout(refresh, 1000);
}

async function show(answer) {
  const isPage = answer.headers.get("content-type")?.startsWith("text/html");
  if (!isPage) throw new Error(answer.ok ? "no page came" : await reason(answer));
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const before = document.title, held = document.activeElement;
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (next) children(part, next);
  }
  if (held !== document.activeElement && held?.isConnected) held.focus({ preventScroll: true });
  if (fresh.title !== before) { document.title = fresh.title; said.textContent = fresh.title; }
  look();
  return fresh;
}

async function reason(answer) {
  const problem = await answer.json().catch(() => null);
  return problem?.detail ?? `HTTP ${answer.status}`;
}

// --- what differs is changed in place

function children(old, fresh) {
  const keyed = new Map();
  for (const child of old.children) if (key(child)) keyed.set(key(child), child);
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const known = key(next) ? keyed.get(key(next)) : null;
    if (known) {
      // What stands before it and is not wanted any more goes, so that what stays is not moved.
      while (at && at !== known && !wanted(at, fresh)) at = dropped(at);
      if (at === known) at = at.nextSibling; else old.insertBefore(known, at);
      node(known, next);
    } else if (at && !key(at) && !key(next) && at.nodeName === next.nodeName) {
      const here = at;
      at = at.nextSibling;
      node(here, next);
    } else {
      old.insertBefore(next, at);
    }
  }
  while (at) at = dropped(at);
}

function dropped(child) {
  const next = child.nextSibling;
  if (!isFilledIn(child)) child.remove();
  return next;
}

function key(child) {
  return child.nodeType === Node.ELEMENT_NODE ? child.id || child.dataset.key || "" : "";
}

function wanted(child, fresh) {
  return key(child) && [...fresh.children].some((next) => key(next) === key(child));
}

function node(old, next) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) { old.data = next.data; flash(old.parentElement); }
    return;
  }
  if (old.isEqualNode(next) || old.matches("[data-keep]") || isFilledIn(old, true)) return;
  if (old.dataset.chart !== undefined && next.dataset.chart !== undefined) return chart(old, next);
  if (old.nodeName !== next.nodeName) { old.replaceWith(next); return; }
  attributes(old, next);
  children(old, next);
}

function attributes(old, next) {
  for (const { name, value } of [...next.attributes]) {
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (name !== "open" && !next.hasAttribute(name)) old.removeAttribute(name);
  }
}

// A drawn chart keeps its drawing until charts.js has made the new one.
function chart(old, next) {
  const drawn = old.querySelector(".drawn");
  if (!drawn) { attributes(old, next); children(old, next); return; }
  old.dataset.chart = next.dataset.chart;
  old.setAttribute("aria-label", next.querySelector("img")?.alt ?? "");
}

function flash(element) {
  const shown = element?.closest("[data-flash]");
  if (!shown) return;
  shown.classList.remove("changed");
  void shown.offsetWidth;   // so that the animation begins anew
  shown.classList.add("changed");
}

// --- forms

function isFilledIn(element, itself = false) {
  if (!(element instanceof Element)) return false;
  const forms = element.matches("form") ? [element] : itself ? [] : [...element.querySelectorAll("form")];
  return forms.some((form) => touched.has(form) || form.contains(document.activeElement));
}

document.addEventListener("input", ({ target }) => target.form && touched.add(target.form));
document.addEventListener("reset", ({ target }) => touched.delete(target));
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.dataset.stay === undefined) return;   // the browser sends it
  event.preventDefault();
  const button = event.submitter;
  const fields = new URLSearchParams(new FormData(form, button));
  if (button) button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body: fields, headers: { Accept: ACCEPT } });
    if (answer.ok) { form.reset(); touched.delete(form); }
    document.activeElement?.blur();
    touched.delete(form);
    const fresh = await show(answer);
    // What came of a form stays when the page is fetched again: nobody can read it in a second.
    document.getElementById("outcome")?.replaceChildren(...fresh.getElementById("outcome")?.childNodes ?? []);
    (document.querySelector("[aria-invalid=true]") ?? document.querySelector("[data-outcome]"))?.focus();
  } catch (error) {
    touched.add(form);
    late.textContent = `Not sent: ${error.message}.`; late.className = "late";
  } finally {
    if (button) button.disabled = false;
  }
});

// --- who says when

function listen() {
  clearTimeout(timer);
  if (!("EventSource" in window)) { poll(); return; }
  events = new EventSource(document.body.dataset.events);
  events.addEventListener("news", refresh);
  events.onerror = () => {
    if (events?.readyState !== EventSource.CLOSED) return;   // it connects again by itself
    events = null;
    poll(AGAIN_MS);
  };
}

function poll(left = Infinity) {
  if (left <= 0) { listen(); return; }
  timer = setTimeout(async () => { await refresh(); poll(left - EVERY_MS); }, EVERY_MS);
}

// A page that nobody sees holds no connection: browsers have only six for each server.
function rest() {
  events?.close();
  events = null;
  clearTimeout(timer);
}

if (late && document.body.dataset.events) {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { rest(); } else { refresh(); listen(); }
  });
  addEventListener("pagehide", rest);
  addEventListener("pageshow", ({ persisted }) => { if (persisted) { refresh(); listen(); } });
  if (!document.hidden) listen();
}
