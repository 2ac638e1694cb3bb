// What of the page is open besides the session: dialogs and the drawer.

import { signal } from "@preact/signals";

/** What the drawer beside the picture shows. */
export type Drawer = "notes" | "figures" | "system" | "chat" | "stills" | "guide";

export class Layout {
  readonly drawer = signal<Drawer | null>(null);
  /** The panel below the picture that is shown, "" when they are put away. */
  readonly docked = signal("");
  /** Which list the rail shows. */
  readonly rail = signal<"sessions" | "tickets">("sessions");
  readonly help = signal(false);
  readonly palette = signal(false);

  /** toggle opens the drawer with this, or closes it when it shows this. */
  toggle(drawer: Drawer): void {
    this.drawer.value = this.drawer.value === drawer ? null : drawer;
  }
}
