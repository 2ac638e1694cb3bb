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

// Exactly one element is the state of the session: the newest line.
function markNewest() {
  const lines = document.querySelectorAll('[data-testid="session-state"]');
  for (let i = 0; i < lines.length - 1; i++) lines[i].removeAttribute("data-testid");
}
new MutationObserver((changes) => {
  markNewest();
  for (const change of changes)
    for (const node of change.addedNodes)
      if (node.nodeType === 1 && node.matches("li.fetched") && document.querySelector(".get"))
        node.scrollIntoView({ block: "nearest" });
}).observe(document.documentElement, { childList: true, subtree: true });
markNewest();
