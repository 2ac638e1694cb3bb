// The tables of system information: their columns as package protocol has them, and
// which of them move all the time.

import type { ColumnKind, Section } from "../protocol";

export interface Column {
  readonly name: string;
  readonly kind: ColumnKind;
  /** It changes without anything having happened: two snapshots are compared without it. */
  readonly restless?: true;
  /** A number that counts nothing: it is written as it is. */
  readonly plain?: true;
}

export const columns: Readonly<Record<Section, readonly Column[]>> = {
  hardware: [{ name: "item", kind: "token" }, { name: "value", kind: "value" }],
  system: [{ name: "item", kind: "token" }, { name: "value", kind: "value" }],
  network: [
    { name: "item", kind: "token" },
    { name: "name", kind: "text" },
    { name: "value", kind: "text" },
    { name: "state", kind: "token" },
    { name: "address", kind: "text" },
    { name: "received", kind: "bytes", restless: true },
    { name: "sent", kind: "bytes", restless: true },
  ],
  disks: [
    { name: "mount", kind: "text" },
    { name: "device", kind: "text" },
    { name: "type", kind: "text" },
    { name: "size", kind: "bytes" },
    { name: "used", kind: "bytes" },
    { name: "percent", kind: "number" },
  ],
  software: [
    { name: "name", kind: "text" },
    { name: "version", kind: "text" },
    { name: "kind", kind: "text" },
    { name: "source", kind: "text" },
  ],
  processes: [
    { name: "name", kind: "text" },
    { name: "pid", kind: "number", plain: true },
    { name: "user", kind: "text" },
    { name: "cpu", kind: "number", restless: true },
    { name: "memory", kind: "bytes", restless: true },
    { name: "started", kind: "time" },
    { name: "program", kind: "text" },
  ],
  services: [
    { name: "name", kind: "text" },
    { name: "state", kind: "token" },
    { name: "start", kind: "token" },
    { name: "about", kind: "text" },
  ],
  events: [
    { name: "time", kind: "time" },
    { name: "level", kind: "token" },
    { name: "source", kind: "text" },
    { name: "text", kind: "text" },
  ],
};

/** What an item's value is; text, if it is not here. */
export const itemKinds: Readonly<Record<string, ColumnKind | "hertz" | "percent" | "word">> = {
  memory: "bytes", memory_free: "bytes", swap: "bytes", swap_free: "bytes", cores: "number", threads: "number", boot: "time",
  frequency: "hertz", battery: "percent", restart: "word",
};

/** Items whose value moves all the time. */
export const restlessItems: ReadonlySet<string> = new Set(["memory_free", "swap_free", "load", "battery"]);

/** A number stands at the right. */
export const numeric = (kind: ColumnKind) => kind === "number" || kind === "bytes";
