// What the portal's pages do better with a script. Everything works without it.
"use strict";

document.documentElement.classList.add("js");

// The page of the live status is open as long as the session lasts, so nothing
// here waits for its end: events are caught on the document.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const said = button.parentElement.querySelector("[data-said]");
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    said.textContent = said.dataset.said;
  } catch {
    // No clipboard for this page: the text is marked, so that Ctrl+C takes it.
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
  }
});

// A key is shown as ABC-DEFG as soon as the field is left or pasted into.
document.addEventListener("change", (event) => {
  if (event.target.id !== "key") return;
  const bare = event.target.value.normalize("NFKC").toUpperCase().replace(/[^0-9A-Z]/g, "");
  if (bare.length === 7) event.target.value = bare.slice(0, 3) + "-" + bare.slice(3);
});

// What is left of the room for words.
function countDown(field) {
  const out = document.getElementById(field.dataset.counter);
  if (out) out.textContent = out.dataset.left.replace("{n}", field.maxLength - field.value.length);
}
document.addEventListener("input", (event) => {
  if (event.target.dataset?.counter) countDown(event.target);
});

// Times of the log in the zone of this computer.
function whole() {
  const field = document.querySelector("[data-counter]");
  if (field) countDown(field);
  if (!document.querySelector("main[data-zone=office]")) return;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const here = new URL(location);
  if (!zone || here.searchParams.has("zone")) return;
  here.searchParams.set("zone", zone);
  location.replace(here);
}
// This script is loaded beside the page, and may come after its end.
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", whole);
else whole();

// A live page that hears nothing any more, not even the blanks between the lines,
// was cut off, by the network or a broker that was started again. It is asked for
// again as soon as the broker answers, but never while this page shares the screen:
// to leave it would be the end.
let heard = performance.now();
const silence = 12_000; // ms, more than two blanks
setInterval(async () => {
  const shares = /^(wait|ask|live)$/.test(document.querySelector("main")?.dataset.browser ?? "");
  if (document.readyState !== "loading" || shares || performance.now() - heard < silence) return;
  try {
    if ((await fetch("/favicon.ico", { method: "HEAD", cache: "no-store" })).ok) location.reload();
  } catch {
    // Not there yet.
  }
}, 2_000);

// Exactly one element is the state of the session: the newest line.
function markNewest() {
  const lines = document.querySelectorAll('[data-testid="session-state"]');
  for (let i = 0; i < lines.length - 1; i++) lines[i].removeAttribute("data-testid");
}
new MutationObserver((changes) => {
  heard = performance.now();
  markNewest();
  for (const change of changes)
    for (const node of change.addedNodes)
      if (node.nodeType === 1 && node.matches("li.fetched") && document.querySelector(".get"))
        node.scrollIntoView({ block: "nearest" });
}).observe(document.documentElement, { childList: true, characterData: true, subtree: true });
markNewest();
