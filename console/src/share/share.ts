// Sharing straight from the browser: this page is the session's agent. It asks
// for the terms and, in a second act, for the screen; closing it is the red X.

import { Agent } from "./agent";
import { ChatBox } from "./chat";
import { GuestBox } from "./guests";
import { Page } from "./page";
import { able } from "./picture";
import { system } from "./system";

const root = document.getElementById("browser");
const bar = document.getElementById("bar");
const chat = document.getElementById("chat");
const guests = document.getElementById("guests");
const question = document.getElementById("guest-ask");
if (root !== null && bar !== null && chat !== null && guests !== null && question instanceof HTMLDialogElement) begin(root, bar, chat, guests, question);

function begin(root: HTMLElement, bar: HTMLElement, chat: HTMLElement, guests: HTMLElement, question: HTMLDialogElement): void {
  const page = new Page(root, bar);
  if (!able()) return page.to("unsupported");
  page.to("terms");
  const { ticket = "", software = "", terms = "" } = root.dataset;
  const agent: Agent = new Agent(page, new ChatBox(chat), new GuestBox(guests, question, (answer) => agent.answerGuest(answer)), {
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
