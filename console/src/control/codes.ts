// The keys that can be pressed at the customer's computer, by their place (W3C UI
// Events KeyboardEvent code). A test holds them against package protocol.

export const keyCodes: ReadonlySet<string> = new Set([
  "Escape", "F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11", "F12", "PrintScreen", "ScrollLock", "Pause",
  "Backquote", "Digit1", "Digit2", "Digit3", "Digit4", "Digit5", "Digit6", "Digit7", "Digit8", "Digit9", "Digit0", "Minus", "Equal", "Backspace",
  "Tab", "KeyQ", "KeyW", "KeyE", "KeyR", "KeyT", "KeyY", "KeyU", "KeyI", "KeyO", "KeyP", "BracketLeft", "BracketRight", "Backslash",
  "CapsLock", "KeyA", "KeyS", "KeyD", "KeyF", "KeyG", "KeyH", "KeyJ", "KeyK", "KeyL", "Semicolon", "Quote", "Enter",
  "ShiftLeft", "IntlBackslash", "KeyZ", "KeyX", "KeyC", "KeyV", "KeyB", "KeyN", "KeyM", "Comma", "Period", "Slash", "ShiftRight",
  "ControlLeft", "MetaLeft", "AltLeft", "Space", "AltRight", "MetaRight", "ContextMenu", "ControlRight",
  "Insert", "Delete", "Home", "End", "PageUp", "PageDown", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight",
  "NumLock", "NumpadDivide", "NumpadMultiply", "NumpadSubtract", "NumpadAdd", "NumpadEnter", "NumpadDecimal",
  "Numpad0", "Numpad1", "Numpad2", "Numpad3", "Numpad4", "Numpad5", "Numpad6", "Numpad7", "Numpad8", "Numpad9",
  "IntlRo", "IntlYen", "KanaMode", "Convert", "NonConvert", "Lang1", "Lang2",
]);

/** What the browser or this computer keeps for itself, as keys that go down in this order and up in the other. */
export const specialKeys: readonly { name: string; codes: readonly string[] }[] = [
  { name: "Esc", codes: ["Escape"] },
  { name: "Alt+Tab", codes: ["AltLeft", "Tab"] },
  { name: "Alt+F4", codes: ["AltLeft", "F4"] },
  { name: "Ctrl+W", codes: ["ControlLeft", "KeyW"] },
  { name: "Ctrl+Alt+Del", codes: ["ControlLeft", "AltLeft", "Delete"] },
  { name: "Win", codes: ["MetaLeft"] },
  { name: "PrtSc", codes: ["PrintScreen"] },
];
