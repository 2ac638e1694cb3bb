// What every view can reach.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Desk } from "../desk";
import type { Settings } from "../settings";

export const Console = createContext<{ desk: Desk; settings: Settings } | null>(null);

export function useConsole(): { desk: Desk; settings: Settings } {
  const console = useContext(Console);
  if (console === null) throw new Error("a view stands outside the console");
  return console;
}
