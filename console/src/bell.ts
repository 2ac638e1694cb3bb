// Tells a technician who looks elsewhere: by the browser's notification and a
// sound, each only after the person switched it on.

import type { Settings } from "./settings";

/** What became of a wish for notifications. */
export type Asked = "granted" | "denied" | "unsupported";

export class Bell {
  readonly #settings: Settings;
  #audio: AudioContext | null = null;

  constructor(settings: Settings) {
    this.#settings = settings;
    // A browser lets a page make a sound only after it was used.
    const ready = () => this.#settings.sound.value && this.#tone();
    addEventListener("pointerdown", ready, { once: true });
    addEventListener("keydown", ready, { once: true });
  }

  /** notify switches notifications on or off. The browser asks, because a switch was pressed. */
  async notify(on: boolean): Promise<Asked> {
    if (!on) {
      this.#settings.setNotify(false);
      return "granted";
    }
    if (!("Notification" in globalThis)) return "unsupported";
    const permission = Notification.permission === "default" ? await Notification.requestPermission() : Notification.permission;
    this.#settings.setNotify(permission === "granted");
    return permission === "granted" ? "granted" : "denied";
  }

  /** sound switches the sound on or off, and lets it be heard once. */
  sound(on: boolean): void {
    this.#settings.setSound(on);
    if (on) this.#play();
  }

  /** ring tells; act is what a press on the notification does. A newer one of the same tag takes its place. */
  ring(title: string, body: string, tag: string, act: () => void): void {
    if (this.#settings.sound.value) this.#play();
    if (!this.#settings.notify.value || !("Notification" in globalThis) || Notification.permission !== "granted") return;
    try {
      const n = new Notification(title, { body, tag, icon: "/assets/icon.svg" });
      n.onclick = () => {
        window.focus();
        act();
        n.close();
      };
    } catch {
      // Some browsers notify by a service worker only; the page itself has said it.
    }
  }

  #tone(): AudioContext | null {
    try {
      this.#audio ??= new AudioContext();
      void this.#audio.resume();
    } catch {
      this.#audio = null; // no sound on this computer
    }
    return this.#audio;
  }

  /** Two short, soft tones, the second higher. */
  #play(): void {
    const audio = this.#tone();
    if (audio === null) return;
    for (const [at, pitch] of [[0, 660], [0.16, 880]] as const) {
      const start = audio.currentTime + at;
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, start);
      volume.gain.linearRampToValueAtTime(0.12, start + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, start + 0.22);
      tone.connect(volume).connect(audio.destination);
      tone.start(start);
      tone.stop(start + 0.24);
    }
  }
}
