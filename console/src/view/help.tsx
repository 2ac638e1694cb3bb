// The keys, and what the person chooses for this browser.

import { useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { keyHelp } from "../keys";
import { t } from "../text";
import { useConsole } from "./context";

export function Help() {
  const { settings, layout, bell } = useConsole();
  const dialog = useRef<HTMLDialogElement>(null);
  const refused = useSignal<"" | "denied" | "unsupported">("");
  useSignalEffect(() => {
    if (layout.help.value) dialog.current?.showModal();
    else dialog.current?.close();
  });
  const notify = async (field: HTMLInputElement) => {
    const asked = await bell.notify(field.checked);
    refused.value = asked === "granted" ? "" : asked;
    field.checked = settings.notify.value;
  };
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-heading" onClose={() => dialog.current?.open || (layout.help.value = false)}>
      <h2 id="help-heading">{t("help.heading")}</h2>
      <dl class="key-help">
        {keyHelp.map(({ keys, text }) => (
          <div key={text}>
            <dt>
              {keys.map((k, i) => (
                <>
                  {i > 0 && (k === "9" ? "–" : " ")}
                  <kbd>{k}</kbd>
                </>
              ))}
            </dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
      <p>
        <label>
          <input type="checkbox" checked={settings.letters} onChange={(e) => settings.setLetters(e.currentTarget.checked)} />
          {t("help.letters")}
        </label>
      </p>
      <fieldset class="notify">
        <legend>{t("notify.heading")}</legend>
        <p class="soft">{t("notify.why")}</p>
        <p>
          <label>
            <input type="checkbox" data-setting="notify" checked={settings.notify} onChange={(e) => void notify(e.currentTarget)} />
            {t("notify.browser")}
          </label>
        </p>
        <p role="status" class="notify-refused">
          {refused.value !== "" && t(`notify.${refused.value}`)}
        </p>
        <p>
          <label>
            <input type="checkbox" data-setting="sound" checked={settings.sound} onChange={(e) => bell.sound(e.currentTarget.checked)} />
            {t("notify.sound")}
          </label>
        </p>
      </fieldset>
      <form method="dialog" class="actions">
        <button type="submit" class="button primary" autofocus>
          {t("close")}
        </button>
      </form>
    </dialog>
  );
}
