// The keys, and the switch that turns them off.

import type { RefObject } from "preact";
import { keyHelp } from "../keys";
import { t } from "../text";
import { useConsole } from "./context";

export function Help({ dialog }: { dialog: RefObject<HTMLDialogElement | null> }) {
  const { settings } = useConsole();
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-heading">
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
      <form method="dialog" class="actions">
        <button type="submit" class="button primary" autofocus>
          {t("close")}
        </button>
      </form>
    </dialog>
  );
}
