// The chat beside the picture: what was said, and the field. Nothing in a line is markup.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { parts } from "../chat/links";
import { fit, length, type Pending } from "../chat/talk";
import { maxChat } from "../protocol";
import { over, type SessionView } from "../sessionview";
import { canned, count, has, number, t, timeOf } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";
import { languageFor, Passages } from "./passages";

/** From how many characters below the limit on the number is said. */
const nearLimit = 100;

export function ChatPanel({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const talk = desk.talks.of(session.id);
  void desk.talks.changes.value; // drawn anew with each change
  const typed = useSignal("");
  const field = useRef<HTMLTextAreaElement>(null);
  const log = useRef<HTMLDivElement>(null);
  const foot = useRef(true); // the newest line is in view, and stays so
  useEffect(() => {
    desk.talks.open.value = session.id;
    talk.read();
    return () => (desk.talks.open.value = "");
  }, []);
  useEffect(() => {
    if (foot.current && log.current !== null) log.current.scrollTop = log.current.scrollHeight;
  });
  const had = useRef(false); // the field was there
  useEffect(() => {
    if (had.current && !talk.allowed && document.activeElement === document.body) log.current?.focus();
    had.current = talk.allowed;
  }, [talk.allowed]);
  const left = maxChat - length(fit(typed.value));
  const send = () => {
    if (!talk.say(typed.value)) return;
    typed.value = "";
    foot.current = true;
    field.current?.focus();
  };
  const use = (text: string) => {
    typed.value = typed.value.trim() === "" ? text : `${typed.value.trimEnd()} ${text}`;
    field.current?.focus();
  };
  const empty = talk.lines.length + talk.pending.length === 0;
  return (
    <div class="chat">
      <div
        ref={log}
        class="chat-log"
        data-testid="chat-log"
        role="log"
        aria-live="polite"
        aria-labelledby="drawer-heading"
        tabIndex={0}
        onScroll={(e) => (foot.current = e.currentTarget.scrollTop >= e.currentTarget.scrollHeight - e.currentTarget.clientHeight - 40)}
      >
        {empty && <p class="soft small-text">{t(over(session.state) ? "chat.nothing" : "chat.empty")}</p>}
        {talk.lines.map(({ line, gap }) => (
          <div key={line.n} class="chat-line" data-from={line.from} data-n={line.n}>
            {gap > 0 && <p class="chat-gap">{t("chat.gap")}</p>}
            <p class="chat-head">
              {line.from === "customer" ? t("chat.customer") : <bdi>{line.name}</bdi>}, {timeOf(line.at, desk.clock.read())}
            </p>
            <Words text={line.text} />
          </div>
        ))}
        {talk.pending.map((p) => (
          <div key={p.key} class="chat-line" data-from="technician" data-state={p.state}>
            <Words text={p.text} />
            <p class="chat-state" role={p.state === "failed" ? "alert" : undefined}>
              {p.state === "failed" && <Icon name="warn" />}
              {p.state === "sending" ? t("chat.sending") : whyNot(p)}
            </p>
            {p.state === "failed" && !over(session.state) && (
              <button
                type="button"
                class="button small"
                onClick={() => {
                  talk.again(p.key);
                  field.current?.focus(); // the button goes
                }}
              >
                {t("chat.again")}
              </button>
            )}
          </div>
        ))}
      </div>
      {talk.allowed ? (
        <form
          class="chat-form"
          onSubmit={(e) => {
            e.preventDefault();
            send();
          }}
        >
          <label for="chat-input" class="small-text">
            {t("chat.label")}
          </label>
          <textarea
            ref={field}
            id="chat-input"
            data-testid="chat-input"
            rows={3}
            dir="auto"
            aria-describedby="chat-hint chat-left"
            aria-invalid={left < 0}
            value={typed}
            onInput={(e) => (typed.value = e.currentTarget.value)}
            onKeyDown={(e) => {
              if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
              e.preventDefault();
              send();
            }}
          />
          <p id="chat-left" class="chat-left small-text figures" role="status">
            {left < 0 ? t("chat.over", { characters: count("characters", -left) }) : left < nearLimit ? t("chat.left", { n: number(left) }) : ""}
          </p>
          <div class="chat-actions">
            <p id="chat-hint" class="soft small-text">
              {t("chat.hint")}
            </p>
            <button type="submit" class="button primary small" aria-disabled={left < 0 || fit(typed.value) === ""}>
              {t("chat.send")}
            </button>
          </div>
          <Canned session={session} use={use} />
        </form>
      ) : (
        <p class="soft small-text chat-none">{t(notNow(session))}</p>
      )}
    </div>
  );
}

/** notNow says why nothing can be written. */
function notNow(s: SessionView) {
  if (over(s.state)) return "chat.over_session";
  return s.state === "Waiting" || s.state === "Active" ? "chat.not_allowed" : "chat.not_yet";
}

/** Words shows a line as text in its own direction, its addresses as links that say where they lead. */
function Words({ text }: { text: string }) {
  return (
    <p class="chat-text" dir="auto">
      {parts(text).map((part) =>
        "url" in part ? (
          <>
            <a href={part.url} target="_blank" rel="noopener noreferrer nofollow" referrerpolicy="no-referrer">
              <bdi>{part.text}</bdi>
            </a>{" "}
            <bdi class="chat-host">({t("chat.leads", { host: part.host })})</bdi>
          </>
        ) : (
          part.text
        ),
      )}
    </p>
  );
}

function whyNot(p: Pending): string {
  const key = `chat.why.${p.why}`;
  return has(key) ? t(key) : t("chat.failed");
}

/** Canned offers answers in the customer's language, or in another one: the office's own first. */
function Canned({ session, use }: { session: SessionView; use: (text: string) => void }) {
  const { desk } = useConsole();
  return <Passages heading="chat.canned" first={languageFor(session.language)} own={desk.library.texts.value.answers} ours={canned} none="library.none" use={use} />;
}
