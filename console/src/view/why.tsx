// Why a session is needed: said by the technician, read by the customer beside
// the name, and fixed from then on.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { SessionView } from "../sessionview";
import { maxReason } from "../protocol";
import { t } from "../text";
import { useConsole } from "./context";

/** mayGive reports whether the reason can still be given or changed. */
const mayGive = (s: SessionView) => s.mine && !s.steps.includes("name_confirmed") && (s.state === "Issued" || s.state === "Joined");

/** hasWhy reports whether there is something for Why to show. */
export const hasWhy = (s: SessionView) => mayGive(s) || (s.reason ?? "") !== "";

export function Why({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const given = session.reason ?? "";
  const text = useSignal(given);
  const typing = useSignal(false);
  // What another window of the same person wrote is shown, unless this one is typing.
  useEffect(() => {
    if (!typing.value) text.value = given;
  }, [given]);
  if (!mayGive(session)) return <p class="card why">{t("why.given", { reason: given })}</p>;
  const save = async () => {
    typing.value = false;
    text.value = oneLine(text.value);
    if (text.value === given) return;
    if (!(await desk.acts.giveReason(session.id, text.value))) text.value = desk.sessions.find(session.id)?.reason ?? "";
  };
  return (
    <form
      class="card why field"
      onSubmit={(e) => {
        e.preventDefault();
        void save();
      }}
    >
      <label for="why">{t("why.label")}</label>
      <input
        id="why"
        type="text"
        dir="auto"
        autocomplete="off"
        maxLength={maxReason}
        aria-describedby="why-hint"
        value={text}
        onInput={(e) => {
          typing.value = true;
          text.value = e.currentTarget.value;
        }}
        onBlur={() => void save()}
      />
      <p class="hint" id="why-hint" role="status">
        {given !== "" && given === text.value ? t("why.saved") : t("why.hint")}
      </p>
    </form>
  );
}

/** oneLine takes out what the protocol refuses: control characters and those that direct the text around them. */
function oneLine(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, " ").replace(/[\p{Cs}\p{Co}\p{Cn}]|(?![\u200c\u200d])\p{Cf}/gu, "");
  return [...plain.replace(/\p{Zs}/gu, " ").trim()].slice(0, maxReason).join("");
}
