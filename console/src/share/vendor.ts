// The page of somebody from outside, in one session: asks to be let in, then shows the
// screen and the chat. Nothing else can be done here.

import { effect } from "@preact/signals";
import { Talk } from "../chat/talk";
import { Picture } from "../picture";
import { currentVersion, type Session, subprotocolConsole } from "../protocol";
import { delay, tryFor } from "../retry";
import { ChatBox } from "./chat";
import { type Incoming, Link, Refused } from "./link";

type Step = "wait" | "ready" | "asked" | "in" | "refused" | "over";

const root = document.getElementById("vendor");
const chat = document.getElementById("chat");
if (root !== null && chat !== null) begin(root, chat);

function begin(root: HTMLElement, chat: HTMLElement): void {
  const id = root.dataset["session"] ?? "";
  let link: Link;
  let self = 0;
  let step: Step = "wait";
  let refused = false;
  let talking = false;
  let attempt = 0;

  const video = part<HTMLVideoElement>(root, "video");
  const box = new ChatBox(chat, (line) => line.from === "technician" && line.guest === self);
  const talk = new Talk(
    "technician",
    {
      say: async (key, text) => {
        const m = await link.request("chat_say", { session: id, key, text });
        if (m.type !== "chat_said") throw new Refused("malformed");
        return m.body;
      },
      since: async (after) => {
        const m = await link.request("chat_since", { session: id, after });
        if (m.type !== "chat") throw new Refused("malformed");
        return m.body;
      },
    },
    () => box.looking(),
    () => box.draw(),
    (line) => line.from === "technician" && line.guest === self,
  );
  const picture = new Picture({
    offer: async (sdp) => {
      const m = await link.request("offer", { session: id, sdp });
      if (m.type !== "answer") throw new Refused("malformed");
      return m.body;
    },
    stop: () => void link.send("stop_watching", { session: id }),
    disturbed: () => link.probe(),
  });
  const sized = () => {
    if (video.videoWidth === 0) return;
    picture.shown({ width: video.videoWidth, height: video.videoHeight });
    picture.cursor.scale(video.clientWidth / video.videoWidth);
  };
  video.addEventListener("resize", sized);
  video.addEventListener("loadeddata", sized);
  new ResizeObserver(sized).observe(video);
  picture.cursor.show(part<HTMLCanvasElement>(root, "canvas"));
  effect(() => {
    if (video.srcObject !== picture.stream.value) video.srcObject = picture.stream.value;
  });

  const problem = (which: string | null) => {
    for (const p of root.querySelectorAll<HTMLElement>("[data-problem]")) p.hidden = p.dataset["problem"] !== which;
  };
  const to = (next: Step) => {
    if (next === step) return;
    step = next;
    const had = root.contains(document.activeElement);
    document.querySelector("main")?.setAttribute("data-vendor", next);
    for (const p of root.querySelectorAll<HTMLElement>("[data-step]")) p.hidden = !(p.dataset["step"] ?? "").split(" ").includes(next);
    if (had) root.querySelector<HTMLElement>("button:not([hidden])")?.focus();
    picture.look(next === "in");
    if (next === "in" && !talking) {
      talking = true;
      box.begin(talk);
    }
    if (next !== "in" && talking) {
      talking = false;
      talk.end();
    }
    if (next === "over") box.end();
  };
  const see = (s: Session) => {
    if (s.id !== id || step === "over") return;
    self = s.self ?? 0;
    const own = (s.guests ?? []).find((g) => g.epoch === self);
    if (s.state !== "Active") to("over");
    else if (own === undefined) to(refused ? "refused" : "ready");
    else {
      refused = false;
      to(own.state === "given" ? "in" : "asked");
    }
  };
  const receive = (m: Incoming) => {
    if (m.type === "welcome") {
      const s = (m.body.sessions ?? [])[0];
      if (s !== undefined) see(s);
    } else if (m.type === "session_changed") see(m.body.session);
    else if (m.type === "chat" && m.ref === 0 && talking) talk.take(m.body);
    else if (m.type === "guest_ended") {
      refused = m.body.cause !== "went";
      if (step === "in" || m.body.cause === "sent_away" || m.body.cause === "lead") to("over"); // a link is good for one time
    }
  };
  const dial = () => {
    const made = new Link(`wss://${location.host}/ws/vendor`, receive, tryFor(attempt, 0), subprotocolConsole);
    link = made;
    const lost = () => {
      if (step === "over" || made !== link) return;
      problem("lost");
      setTimeout(() => {
        if (attempt++ > 2) void fetch("/vendor", { cache: "no-store" }).then((r) => r.status === 404 && to("over"), () => undefined);
        if (step !== "over") dial();
      }, delay(attempt));
    };
    made.lost = lost;
    made
      .request("hello", { version: currentVersion, software: "vendor", system: "", language: document.documentElement.lang })
      .then(() => {
        made.keep();
        attempt = 0;
        problem(null);
        if (step === "in") {
          picture.start();
          void talk.pull();
        }
      })
      .catch(lost);
  };
  const ask = async () => {
    problem(null);
    try {
      const m = await link.request("guest_join", { session: id, way: "vendor" });
      if (m.type === "session_changed") see(m.body.session);
    } catch (e) {
      if (e instanceof Refused && e.code === "not_now") problem("later");
      else if (e instanceof Refused && e.code !== "offline") to("over");
    }
  };
  root.addEventListener("click", (e) => {
    const what = e.target instanceof Element ? e.target.closest<HTMLElement>("[data-do]")?.dataset["do"] : undefined;
    if (what === "ask") void ask();
    if (what === "leave" && self > 0) link.send("guest_leave", { session: id, epoch: self });
  });
  dial();
}

function part<T extends HTMLElement = HTMLElement>(of: HTMLElement, selector: string): T {
  const found = of.querySelector<T>(selector);
  if (found === null) throw new Error(`no ${selector}`);
  return found;
}
