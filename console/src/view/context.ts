// What every view can reach.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Bell } from "../bell";
import type { Desk } from "../desk/desk";
import type { Layout } from "../layout";
import type { Settings } from "../settings";

export interface Parts {
  desk: Desk;
  settings: Settings;
  layout: Layout;
  bell: Bell;
}

export const Console = createContext<Parts | null>(null);

export function useConsole(): Parts {
  const console = useContext(Console);
  if (console === null) throw new Error("a view stands outside the console");
  return console;
}
