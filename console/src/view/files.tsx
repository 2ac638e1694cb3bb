// What asks for files each way, and where they are shown: below the picture.

import { useComputed, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { consentTo, type FilesTool, filesTools } from "../consent";
import type { Files, Job } from "../files/files";
import { ofDrop, ofInput } from "../files/folder";
import type { FileEntry } from "../protocol";
import { hidden, type SessionView } from "../sessionview";
import { bytesOf, isolate, t, timeOf } from "../text";
import { Answers } from "./answers";
import { useConsole } from "./context";
import type { Docked } from "./dock";
import { Icon } from "./icons";

/** filesDocked is there while files are asked for or allowed, for their end, and as long as any are listed. */
export function filesDocked(session: SessionView, files: Files | undefined): Docked | null {
  if (session.state !== "Active" || files === undefined || filesTools.every((kind) => consentTo(session, kind) === undefined)) return null;
  const on = filesTools.some((kind) => consentTo(session, kind)?.state === "given");
  return { id: "files", name: t("files.name"), on, body: <FilesPanel key={session.id} session={session} files={files} /> };
}

function FilesPanel({ session, files }: { session: SessionView; files: Files }) {
  const given = (kind: FilesTool) => consentTo(session, kind)?.state === "given" && files.of(kind).epoch.value !== 0;
  return (
    <section class="files-panel" data-testid="files-panel" aria-label={t("files.label")}>
      <div class="files-strip">
        <Answers session={session} tools={filesTools} />
        {(given("send_files") || given("fetch_files")) && <span class="files-word">{wordOf(session, files)}</span>}
      </div>
      <div class="files-body">
        {given("send_files") && <Send files={files} />}
        {given("fetch_files") && <Fetch files={files} />}
        <Jobs files={files} />
      </div>
    </section>
  );
}

function wordOf(session: SessionView, files: Files): string {
  if (!files.online.value || session.away_since !== undefined) return t("files.gone");
  if (hidden(session) !== null) return t("files.held");
  const trouble = files.trouble.value;
  if (trouble === "many") return t("files.many");
  if (trouble !== "") return t("files.failed", { why: t(`files.cause.${trouble}`) });
  return t("files.recorded");
}

/** Send chooses files and folders, or takes them where they are dropped. */
function Send({ files }: { files: Files }) {
  const over = useSignal(false);
  const folder = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => folder.current?.setAttribute("webkitdirectory", ""), []);
  const chosen = (input: HTMLInputElement) => {
    files.put(ofInput(input.files));
    input.value = ""; // so that the same can be chosen again
  };
  const x = files.send;
  return (
    <div
      class="files-send"
      data-testid="files-send"
      data-over={over}
      onDragOver={(e) => {
        e.preventDefault();
        over.value = true;
      }}
      onDragLeave={() => (over.value = false)}
      onDrop={(e) => {
        e.preventDefault();
        over.value = false;
        if (e.dataTransfer !== null) void ofDrop(e.dataTransfer.items).then((list) => files.put(list));
      }}
    >
      <h2>{x.folder.value === "" ? t("permission.send_files") : t("files.into", { folder: isolate(x.folder.value), size: bytesOf(x.limit.value) })}</h2>
      <label class="button small">
        <input type="file" multiple class="files-input" data-testid="files-choose" onChange={(e) => chosen(e.currentTarget)} />
        {t("files.choose")}
      </label>
      <label class="button small">
        <input ref={folder} type="file" class="files-input" data-testid="files-choose-folder" onChange={(e) => chosen(e.currentTarget)} />
        <Icon name="folder" />
        {t("files.choose_folder")}
      </label>
      <span class="files-drop">{t("files.drop")}</span>
    </div>
  );
}

/** Fetch shows what is in the customer's folder. */
function Fetch({ files }: { files: Files }) {
  const { desk } = useConsole();
  const x = files.fetch;
  const listing = files.listing.value;
  const path = listing?.path ?? "";
  const below = (name: string) => (path === "" ? name : `${path}/${name}`);
  return (
    <div class="files-fetch" data-testid="files-fetch" data-path={path}>
      <h2>{x.folder.value === "" ? t("permission.fetch_files") : t("files.from", { folder: isolate(x.folder.value), size: bytesOf(x.limit.value) })}</h2>
      <div class="files-where">
        <button
          type="button"
          class="button small"
          data-testid="files-up"
          aria-disabled={path === ""}
          onClick={() => path !== "" && void files.show(path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "")}
        >
          {t("files.up")}
        </button>
        <span class="files-path">{isolate(path)}</span>
        <button type="button" class="button small" data-testid="files-all" aria-disabled={listing === null} onClick={() => listing !== null && files.getAll(path)}>
          <Icon name="fetch" />
          {t("files.fetch_folder")}
        </button>
      </div>
      {listing !== null && listing.count === 0 && <p>{t("files.empty")}</p>}
      <ul class="files-list" aria-label={t("files.inside")}>
        {listing?.entries.map((e) => (
          <Entry key={`${e.name}/${String(e.folder)}`} entry={e} now={desk.clock.now.value} open={() => void files.show(below(e.name))} get={() => files.get(below(e.name), e.size ?? 0)} />
        ))}
      </ul>
      {listing !== null && listing.entries.length < listing.count && (
        <button type="button" class="button small" onClick={() => void files.show(path, true)}>
          {t("files.more")}
        </button>
      )}
      {listing !== null && listing.left > 0 && <p class="files-left">{t("files.left", { n: listing.left })}</p>}
    </div>
  );
}

function Entry({ entry, now, open, get }: { entry: FileEntry; now: number; open: () => void; get: () => void }) {
  const name = isolate(entry.name);
  return (
    <li data-name={entry.name}>
      <span class="files-name">{name}</span>
      <span class="figures">{entry.modified === undefined ? "" : timeOf(new Date(entry.modified * 1000).toISOString(), now)}</span>
      <span class="figures">{entry.folder === true ? "" : bytesOf(entry.size ?? 0)}</span>
      {entry.folder === true ? (
        <button type="button" class="button small" aria-label={t("files.open", { name })} onClick={open}>
          <Icon name="folder" />
        </button>
      ) : (
        <button type="button" class="button small" aria-label={t("files.fetch", { name })} onClick={get}>
          <Icon name="fetch" />
        </button>
      )}
    </li>
  );
}

/** Jobs lists what is on its way, and what is over. */
function Jobs({ files }: { files: Files }) {
  const jobs = files.jobs.value;
  if (jobs.length === 0) return null;
  return (
    <div class="files-jobs">
      <h2>{t("files.transfers")}</h2>
      <ul data-testid="files-jobs" aria-label={t("files.transfers")}>
        {jobs.map((job) => (
          <JobLine key={job.key} job={job} files={files} />
        ))}
      </ul>
      <button type="button" class="button small" onClick={() => files.clear()}>
        {t("files.clear")}
      </button>
    </div>
  );
}

function JobLine({ job, files }: { job: Job; files: Files }) {
  const name = isolate(job.name);
  const percent = useComputed(() => {
    const size = job.size.value;
    return size === 0 ? 0 : Math.floor((100 * job.moved.value) / size);
  });
  const state = job.state.value;
  const size = bytesOf(job.size.value);
  const as = job.as.value;
  const word =
    state === "waiting" ? t("files.waiting")
    : state === "running" ? t("files.progress", { percent: percent.value, size })
    : state === "done" ? (as === "" ? t("files.done", { size }) : t("files.done_as", { size, name: isolate(as) }))
    : t("files.failed", { why: t(`files.cause.${job.cause.value || "failed"}`) });
  return (
    <li data-name={job.name} data-state={state}>
      <Icon name={job.kind === "send_files" ? "put" : "fetch"} />
      <span class="files-name">{name}</span>
      {state === "running" && <progress max={100} value={percent} aria-label={name} />}
      <span class="files-state" role={state === "done" || state === "failed" ? "status" : undefined}>
        {word}
      </span>
      {(state === "running" || state === "waiting") && (
        <button type="button" class="button small" aria-label={t("files.stop", { name })} onClick={() => files.stop(job.key)}>
          <Icon name="cross" />
        </button>
      )}
      {state === "failed" && files.of(job.kind).epoch.value !== 0 && (
        <button type="button" class="button small" aria-label={t("files.again", { name })} onClick={() => files.again(job.key)}>
          <Icon name="undo" />
        </button>
      )}
    </li>
  );
}
