// Puts charts that answer to the pointer in the place of their pictures, once they come into view.
// The page's policy allows no code from strings, so Vega interprets its expressions (`ast`).
const dark = matchMedia("(prefers-color-scheme: dark)");
const drawn = new WeakMap();     // chart -> { wanted, view }
const drawing = new WeakMap();   // chart -> wanted: its address and the paper
let vega = null;

function load() {
  vega ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.type = "module";
    script.src = document.body.dataset.vega;
    script.onload = () => resolve(window.vegaEmbed);
    script.onerror = () => reject(new Error("the script for charts did not load"));
    document.head.append(script);
  });
  return vega;
}

async function draw(chart) {
  const address = chart.dataset.chart;
  const known = drawn.get(chart);
  const wanted = `${address} ${dark.matches}`;
  if (known?.wanted === wanted || drawing.get(chart) === wanted) return;
  drawing.set(chart, wanted);
  const [embed, answer] = await Promise.all([load(), fetch(address)]);
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  if (chart.dataset.chart !== address) return;   // there is a newer one
  const specs = await answer.json();
  const label = chart.querySelector("img")?.alt ?? chart.getAttribute("aria-label");
  const held = document.createElement("div");
  held.className = "drawn";
  // Its place must be in the page while it is drawn, since it is as wide as that.
  held.style.position = "absolute"; held.style.width = `${chart.clientWidth}px`; held.style.visibility = "hidden";
  chart.append(held);
  const { view } = await embed(held, specs[dark.matches ? "dark" : "light"], {
    ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: { disableDefaultStyle: true },
  });
  known?.view.finalize();
  held.removeAttribute("style");
  held.querySelector("svg")?.setAttribute("aria-hidden", "true");
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-label", label);
  for (const child of [...chart.children]) if (child !== held) child.remove();
  drawn.set(chart, { wanted, view });
}

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    // What could not be drawn stays a picture, and is tried again when the page changes.
    draw(target).catch(() => drawing.delete(target));
  }
}, { rootMargin: "200px" });

// Charts that are new, or whose numbers have changed.
export function look(root = document) {
  for (const chart of root.querySelectorAll("[data-chart]")) {
    seen.unobserve(chart);
    seen.observe(chart);
  }
}

dark.addEventListener("change", () => look());
look();
