// What asks for the clipboard each way, and where it is shown before it goes on: below the picture.

import { useLayoutEffect, useState } from "preact/hooks";
import type { Clipboards, Shown } from "../clipboard/clipboards";
import { type ClipTool, clipTools, consentTo } from "../consent";
import type { Content } from "../clipboard/content";
import { hidden, type SessionView } from "../sessionview";
import { bytesOf, t } from "../text";
import { Answers } from "./answers";
import type { Docked } from "./dock";
import { Icon } from "./icons";

/** How much of a text is shown, in characters. */
const shownText = 4_000;

/** clipDocked is there while a clipboard is asked for or allowed, and for their end. */
export function clipDocked(session: SessionView, boards: Clipboards | undefined): Docked | null {
  if (session.state !== "Active" || boards === undefined || clipTools.every((kind) => consentTo(session, kind) === undefined)) return null;
  const on = clipTools.some((kind) => consentTo(session, kind)?.state === "given");
  return { id: "clipboard", name: t("clipboard.name"), on, body: <ClipPanel key={session.id} session={session} boards={boards} /> };
}

function ClipPanel({ session, boards }: { session: SessionView; boards: Clipboards }) {
  const given = (kind: ClipTool) => consentTo(session, kind)?.state === "given";
  const still = !boards.online.value || session.away_since !== undefined || hidden(session) !== null || boards.progress.value !== null;
  const trouble = boards.trouble.value;
  return (
    <section class="files-panel clip-panel" data-testid="clip-panel" aria-label={t("clipboard.label")}>
      <div class="files-strip">
        <Answers session={session} tools={clipTools} />
        {(given("send_clipboard") || given("fetch_clipboard")) && <span class="files-word">{wordOf(session, boards)}</span>}
      </div>
      <div class="clip-body">
        {given("send_clipboard") && (
          <button type="button" class="button small" data-testid="clip-send" aria-disabled={still} onClick={() => still || void boards.look()}>
            <Icon name="put" />
            {t("clipboard.send")}
          </button>
        )}
        {given("fetch_clipboard") && (
          <button type="button" class="button small" data-testid="clip-get" aria-disabled={still} onClick={() => still || boards.get()}>
            <Icon name="fetch" />
            {t("clipboard.get")}
          </button>
        )}
        <Moving boards={boards} />
        <p class="clip-said" role="status" data-testid="clip-said" data-trouble={trouble}>
          {saidOf(boards)}
        </p>
        {trouble === "denied" && given("send_clipboard") && (
          <label class="clip-paste">
            {t("clipboard.paste")}{" "}
            <input
              data-testid="clip-paste"
              value=""
              autocomplete="off"
              onPaste={(e) => {
                e.preventDefault();
                if (e.clipboardData !== null) void boards.paste(e.clipboardData);
              }}
            />
          </label>
        )}
        {boards.shown.value !== null && <Look shown={boards.shown.value} boards={boards} still={still} />}
      </div>
    </section>
  );
}

function wordOf(session: SessionView, boards: Clipboards): string {
  if (!boards.online.value || session.away_since !== undefined) return t("clipboard.gone");
  if (hidden(session) !== null) return t("clipboard.held");
  return t("clipboard.recorded");
}

/** saidOf says what became of the last one. */
function saidOf(boards: Clipboards): string {
  const trouble = boards.trouble.value;
  if (trouble === "denied") return t("clipboard.denied");
  if (trouble === "copy_denied") return t("clipboard.copy_denied");
  if (trouble !== "") return t("clipboard.failed", { why: t(`clipboard.cause.${trouble}`) });
  const result = boards.result.value;
  if (result === null) return "";
  return result.word === "copied" ? t("clipboard.copied") : t("clipboard.sent", { what: whatOf(result.content) });
}

function whatOf(c: Content): string {
  const size = bytesOf(c.bytes.length);
  return c.type === "text" ? t("clipboard.text", { size }) : t("clipboard.image", { width: c.width, height: c.height, size });
}

/** Moving says how far it is. */
function Moving({ boards }: { boards: Clipboards }) {
  const p = boards.progress.value;
  if (p === null) return null;
  const percent = p.size === 0 ? 0 : Math.floor((100 * p.at) / p.size);
  const word = p.size === 0 ? t("clipboard.waiting") : t("clipboard.progress", { percent, size: bytesOf(p.size) });
  return (
    <div class="clip-moving" data-testid="clip-moving">
      <progress max={100} value={p.size === 0 ? undefined : percent} aria-label={t(`permission.${p.kind}`)} />
      <span class="figures">{word}</span>
      <button type="button" class="button small" data-testid="clip-stop" onClick={() => boards.cancel()}>
        <Icon name="cross" />
        {t("clipboard.stop")}
      </button>
    </div>
  );
}

/** Look shows what is to go on, and lets the person decide. */
function Look({ shown, boards, still }: { shown: Shown; boards: Clipboards; still: boolean }) {
  const { side, content } = shown;
  return (
    <div class="clip-look" data-testid="clip-look" data-side={side} data-type={content.type}>
      <h2>
        {t(`clipboard.${side}`)}: {whatOf(content)}
      </h2>
      <div class="clip-choice">
        {side === "yours" ? (
          <button type="button" class="button small primary" data-testid="clip-confirm" aria-disabled={still} onClick={() => still || void boards.send()}>
            {t("clipboard.confirm")}
          </button>
        ) : (
          <button type="button" class="button small primary" data-testid="clip-copy" onClick={() => void boards.copy()}>
            <Icon name="copy" />
            {t("clipboard.copy")}
          </button>
        )}
        <button type="button" class="button small" data-testid="clip-discard" onClick={() => boards.discard()}>
          {t("clipboard.discard")}
        </button>
      </div>
      {content.type === "text" ? (
        <pre dir="auto" tabIndex={0} aria-label={t(`clipboard.${side}`)}>
          {content.text.slice(0, shownText)}
        </pre>
      ) : (
        <Image content={content} />
      )}
      {content.text.length > shownText && <p>{t("clipboard.cut")}</p>}
    </div>
  );
}

function Image({ content }: { content: Content }) {
  const [url, show] = useState("");
  useLayoutEffect(() => {
    const made = URL.createObjectURL(new Blob([content.bytes], { type: "image/png" }));
    show(made);
    return () => URL.revokeObjectURL(made);
  }, [content]);
  return url === "" ? null : <img src={url} alt={t("clipboard.picture")} width={content.width} height={content.height} />;
}
