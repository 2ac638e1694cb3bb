// Folders: what a person chose or dropped, what is in one of the customer's, and an
// archive of it.

import { Zip, ZipPassThrough } from "fflate";
import type { Exchange } from "./exchange";
import { Stopped } from "./exchange";

/** How many files are taken at once. */
export const maxFiles = 2_000;
/** What an archive may hold in bytes: its format (ZIP without extensions) counts no further. */
const maxArchive = 2 ** 32 - 2 ** 26;

/** A Chosen is a file that is to be sent, with its path, by "/". */
export interface Chosen {
  file: File;
  path: string;
}

/** ofInput lists what a field for files, or for a folder, holds. */
export function ofInput(list: FileList | null): Chosen[] {
  return [...(list ?? [])].map((file) => ({ file, path: file.webkitRelativePath === "" ? file.name : file.webkitRelativePath }));
}

/** ofDrop lists what was dropped, folders with what is in them. */
export async function ofDrop(items: DataTransferItemList): Promise<Chosen[]> {
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter((e) => e !== null); // before the event is over
  const all: Chosen[] = [];
  const walk = async (entry: FileSystemEntry, path: string): Promise<void> => {
    if (all.length > maxFiles) return;
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      all.push({ file, path });
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return;
      for (const e of some) await walk(e, `${path}/${e.name}`);
    }
  };
  for (const entry of entries) await walk(entry, entry.name);
  return all;
}

/** A Found is a file in a folder of the customer's. */
export interface Found {
  path: string;
  size: number;
}

/** inside lists all files in a folder and below. It rejects with Stopped. */
export async function inside(exchange: Exchange, path: string, on: () => boolean): Promise<Found[]> {
  const all: Found[] = [];
  const folders = [path];
  let size = 0;
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    for (let at = 0, count = 1; at < count; ) {
      if (!on()) throw new Stopped("cancelled");
      const m = await exchange.list(next, at);
      const entries = m.entries ?? [];
      count = m.count ?? 0;
      for (const e of entries) {
        const below = next === "" ? e.name : `${next}/${e.name}`;
        if (e.folder === true) folders.push(below);
        else all.push({ path: below, size: e.size ?? 0 });
        size += e.size ?? 0;
      }
      if (all.length > maxFiles || folders.length > maxFiles || size > maxArchive) throw new Stopped("total");
      if (entries.length === 0) break;
      at += entries.length;
    }
  }
  return all;
}

/** archive packs files into one, without compressing them. */
export async function archive(files: { path: string; blob: Blob }[]): Promise<Blob> {
  const parts: Blob[] = [];
  const zip = new Zip((error, data) => {
    if (error !== null) throw error;
    parts.push(new Blob([data as Uint8Array<ArrayBuffer>]));
  });
  for (const { path, blob } of files) {
    const entry = new ZipPassThrough(path);
    zip.add(entry);
    for (let at = 0; at < blob.size; at += 1 << 20) entry.push(new Uint8Array(await blob.slice(at, at + (1 << 20)).arrayBuffer()));
    entry.push(new Uint8Array(0), true);
  }
  zip.end();
  return new Blob(parts, { type: "application/zip" });
}
