// A button that copies, beside every part marked data-copy. Without script there is none, and the
// text is there to be marked.
function offer(part) {
  if (part.querySelector("button") || !navigator.clipboard) return;
  const button = document.createElement("button");
  button.type = "button"; button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(part.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  part.append(button);
}
const look = () => document.querySelectorAll("[data-copy]").forEach(offer);
new MutationObserver(look).observe(document.querySelector("main"), { childList: true, subtree: true });
look();
