// Sharing straight from the browser: this page is the session's agent. It asks
// for the terms and, in a second act, for the screen; closing it is the red X.

import { Agent } from "./agent";
import { ChatBox } from "./chat";
import { Page } from "./page";
import { able } from "./picture";
import { system } from "./system";

const root = document.getElementById("browser");
const bar = document.getElementById("bar");
const chat = document.getElementById("chat");
if (root !== null && bar !== null && chat !== null) begin(root, bar, chat);

function begin(root: HTMLElement, bar: HTMLElement, chat: HTMLElement): void {
  const page = new Page(root, bar);
  if (!able()) return page.to("unsupported");
  page.to("terms");
  const { ticket = "", software = "", terms = "" } = root.dataset;
  const agent = new Agent(page, new ChatBox(chat), {
    url: `wss://${location.host}/ws/agent`,
    software,
    system: system(navigator.userAgent),
    language: document.documentElement.lang,
    ticket,
    terms,
  });
  page.on((action) => {
    switch (action) {
      case "accept":
      case "decline":
        void agent.answerTerms(action === "accept");
        break;
      case "share":
        void agent.share();
        break;
      case "refuse":
        void agent.refuse();
        break;
      case "pause":
        void agent.pause();
        break;
      case "resume":
        void agent.resume();
        break;
      case "change":
        void agent.change();
        break;
      case "end":
        void agent.end("customer");
        break;
    }
  });
  addEventListener("pagehide", () => agent.abandon());
  addEventListener("pageshow", (e) => e.persisted && location.reload()); // back to a page that has ended
  // A link must not end the session by leading away.
  document.addEventListener("click", (e) => {
    const link = e.target instanceof Element ? e.target.closest<HTMLAnchorElement>("a[href]") : null;
    if (link !== null && agent.joined && !link.hasAttribute("download")) link.target = "_blank";
  });
}
