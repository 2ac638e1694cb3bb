// The technician's notes on a session.

import { useRef } from "preact/hooks";
import type { SessionView } from "../sessionview";
import { maxNote } from "../protocol";
import { count, language, number, t, timeOf } from "../text";
import { useConsole } from "./context";
import { Icon, type IconName } from "./icons";
import { Passages } from "./passages";
import type { NoteState } from "../notes";

const stateIcons: Record<NoteState, IconName> = {
  empty: "note", saved: "check", unsaved: "wait", saving: "wait", long: "warn", failed: "warn", conflict: "warn", late: "warn", closed: "warn",
};

/** From how many characters below the limit on the number is said to a screen reader. */
const nearLimit = 200;

export function NotesPanel({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const note = desk.kept.note(session);
  const state = note.state.value;
  const closed = state === "closed"; // nothing can be added any more
  const sealed = session.state === "Closed" && session.summary !== "missing";
  const word = session.summary === "missing" ? "notes.missing" : session.summary === "wanted" ? "notes.wanted" : session.summary === "done" ? "notes.is_done" : "";
  const left = maxNote - note.characters.value;
  const copy = () => navigator.clipboard.writeText(note.text.value).then(
    () => desk.notices.say(t("key.copied")),
    () => (desk.trouble.value = t("notes.copy_by_hand")),
  );
  const link = desk.welcome.value?.tickets === true ? session.ticket : undefined;
  const toTicket = async () => {
    if (link === undefined) return;
    if (await desk.tickets.ticket(link.id).note(note.text.value)) desk.notices.say(t("ticket.noted", { ref: link.ref }));
    else desk.trouble.value = t("ticket.not_noted");
  };
  const field = useRef<HTMLTextAreaElement>(null);
  const finish = async () => {
    if (await note.finish()) field.current?.focus(); // the button goes
    else if (note.state.value === "late") desk.trouble.value = t("error.not_now");
  };
  /** insert puts a template where the cursor stands. */
  const insert = (text: string) => {
    const at = field.current;
    if (at === null) return;
    const before = at.value.slice(0, at.selectionStart);
    const gap = before === "" || before.endsWith("\n") ? "" : "\n";
    at.setRangeText(gap + text, at.selectionStart, at.selectionEnd, "end");
    note.typed(at.value);
    at.focus();
    // The first line that is to be filled in.
    const hole = at.value.indexOf("\n", before.length + gap.length);
    if (hole >= 0) at.setSelectionRange(hole, hole);
  };
  return (
    <div class="notes">
      <p id="notes-why" class="soft small-text">
        {t(sealed ? "notes.closed_why" : "notes.why")}
      </p>
      {word !== "" && (
        <p class={session.summary === "missing" ? "notice warn small-text" : "notice small-text"} data-testid="summary" data-summary={session.summary} role="status">
          {t(word)}
        </p>
      )}
      <textarea
        ref={field}
        aria-labelledby="drawer-heading"
        aria-describedby="notes-why notes-left"
        aria-invalid={state === "long"}
        readOnly={closed}
        placeholder={closed ? "" : t("notes.hint")}
        value={note.text}
        onInput={(e) => note.typed(e.currentTarget.value)}
        onBlur={() => void note.flush()}
      />
      {!closed && <Passages heading="notes.templates" first={language} own={desk.library.texts.value.templates} none="notes.no_templates" use={insert} />}
      <p id="notes-left" class="small-text figures notes-left" data-near={left < nearLimit}>
        {left >= 0 ? t("notes.left", { n: number(left) }) : t("notes.over", { characters: count("characters", -left) })}
      </p>
      {state === "conflict" && (
        <div class="notice warn">
          <p>{t("notes.conflict")}</p>
          <blockquote>{note.theirs}</blockquote>
          <div class="row-actions">
            <button type="button" class="button small" onClick={() => note.settle(true)}>
              {t("notes.keep_mine")}
            </button>
            <button type="button" class="button small" onClick={() => note.settle(false)}>
              {t("notes.take_other")}
            </button>
          </div>
        </div>
      )}
      {link !== undefined && (
        <button type="button" class="button small" data-testid="to-ticket" disabled={note.text.value.trim() === ""} onClick={() => void toTicket()}>
          {t("ticket.add_note", { ref: link.ref })}
        </button>
      )}
      <div class="notes-foot">
        <p class="note-state" data-state={state} role="status">
          <Icon name={stateIcons[state]} />
          {state === "saved" && session.noted_at
            ? t("notes.state.saved_at", { time: timeOf(session.noted_at, desk.clock.read()) })
            : t(`notes.state.${state}`)}
        </p>
        {state === "failed" && (
          <button type="button" class="button small" onClick={() => note.online()}>
            {t("notes.again")}
          </button>
        )}
        {((session.summary ?? "") !== "" || sealed) && !closed && (session.summary !== "done" || state !== "saved") && (
          <button
            type="button"
            class="button small primary"
            data-testid="summary-done"
            aria-disabled={note.text.value.trim() === "" || left < 0 || (sealed && state !== "late")}
            onClick={() => void (sealed && state !== "late" ? undefined : finish())}
          >
            {t(sealed ? "notes.add" : "notes.finish")}
          </button>
        )}
        {state === "closed" ? (
          <button type="button" class="button small" onClick={() => void copy()}>
            <Icon name="copy" />
            {t("notes.copy")}
          </button>
        ) : (
          !sealed && (
            <button type="button" class="button small" disabled={!note.canUndo.value} onClick={() => note.undo()}>
              <Icon name="undo" />
              {t("notes.undo")}
            </button>
          )
        )}
      </div>
    </div>
  );
}
