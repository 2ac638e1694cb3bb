// The pictures of the open sessions, each with what is done by it: control, command line,
// files, drawing, clipboards. One goes with its session, and with its tab.

import { effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import { Drawing } from "../annotate/drawing";
import { Clipboards } from "../clipboard/clipboards";
import { Control } from "../control/control";
import { Files } from "../files/files";
import { Picture } from "../picture";
import type { Answer } from "../protocol";
import { looksOn, over, picturable } from "../sessionview";
import { Shell } from "../shell/shell";
import { Refused, type Wire } from "../wire";
import type { RedX } from "./redx";
import type { Sessions } from "./sessions";
import type { Tabs } from "./tabs";

/** One session's picture, and what is done by it. */
export class Live {
  readonly picture: Picture;
  readonly control: Control;
  readonly shell: Shell;
  readonly files: Files;
  readonly drawing: Drawing;
  readonly clipboards: Clipboards;

  constructor(id: string, wire: Wire, sessions: Sessions) {
    const session = () => sessions.find(id);
    const picture = new Picture({
      offer: (sdp) => offer(wire, id, sdp),
      stop: () => void wire.send("stop_watching", { session: id }),
      disturbed: () => wire.probe(),
    });
    this.picture = picture;
    this.control = new Control(picture, session);
    this.shell = new Shell(picture, session);
    this.files = new Files(picture, session);
    this.drawing = new Drawing(session, () => picture.size.peek(), (m) => wire.send("annotate", { session: id, ...m }));
    this.clipboards = new Clipboards(picture, session);
  }

  close(): void {
    for (const tool of [this.control, this.shell, this.files, this.drawing, this.clipboards]) tool.close();
    this.picture.close();
  }
}

export class Pictures {
  readonly live = signal<ReadonlyMap<string, Live>>(new Map());
  readonly #wire: Wire;
  readonly #sessions: Sessions;
  readonly #tabs: Tabs;
  readonly #redX: RedX;

  /** welcomed: the broker has said which sessions there are. */
  constructor(wire: Wire, sessions: Sessions, tabs: Tabs, redX: RedX, welcomed: ReadonlySignal<boolean>) {
    this.#wire = wire;
    this.#sessions = sessions;
    this.#tabs = tabs;
    this.#redX = redX;
    effect(() => {
      if (welcomed.value) this.#keep();
    });
  }

  of(id: string): Live | undefined {
    return this.live.value.get(id);
  }

  /** again starts them anew: the broker dropped them together with this window's socket. */
  again(): void {
    for (const l of this.live.value.values()) l.picture.start();
  }

  /** #keep holds a picture for each open session of this person that can have one. */
  #keep(): void {
    const wanted = this.#tabs.opened.value.filter((id) => {
      const s = this.#sessions.find(id);
      return s !== undefined && (s.mine || looksOn(s)) && picturable(s.state) && !this.#redX.pressed.value.has(id);
    });
    const had = this.live.peek();
    const selected = this.#tabs.selected.value;
    untracked(() => {
      const next = wanted.length === had.size && wanted.every((id) => had.has(id)) ? had : this.#change(had, wanted);
      next.forEach((l, id) => l.picture.look(id === selected));
    });
  }

  #change(had: ReadonlyMap<string, Live>, wanted: readonly string[]): ReadonlyMap<string, Live> {
    const next = new Map<string, Live>();
    for (const id of wanted) next.set(id, had.get(id) ?? new Live(id, this.#wire, this.#sessions));
    for (const [id, l] of had) {
      if (next.has(id)) continue;
      l.close();
      // Who ends a session does not have to stop watching it as well.
      const s = this.#sessions.find(id);
      if (s && !over(s.state) && !this.#redX.pressed.peek().has(id)) this.#wire.send("stop_watching", { session: id });
    }
    return (this.live.value = next);
  }
}

async function offer(wire: Wire, session: string, sdp: string): Promise<Answer> {
  const m = await wire.request("offer", { session, sdp });
  if (m.type !== "answer") throw new Refused("unknown_state");
  return m.body;
}
