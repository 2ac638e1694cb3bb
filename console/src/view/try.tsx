// A session with oneself: the customer's page comes in a second tab.

import { t } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";

export function Try() {
  const { desk } = useConsole();
  const start = async () => {
    // Before the answer: browsers let only a press open a tab.
    const tab = window.open("about:blank", "_blank");
    const url = await desk.newSession(true);
    if (tab === null) return; // the key's card has a way to the page
    if (url === undefined) return tab.close();
    tab.opener = null;
    tab.location.replace(url);
  };
  return (
    <section class="card try" aria-labelledby="try-heading">
      <h2 id="try-heading">{t("try.heading")}</h2>
      <p>{t("try.body")}</p>
      <p>{t("try.real")}</p>
      <button type="button" class="button" aria-disabled={!desk.online.value || desk.asking.value} onClick={() => desk.online.value && void start()}>
        {t("try.start")}
      </button>
    </section>
  );
}

/** OpenCustomer is the way to the customer's page where the tab did not open. */
export function OpenCustomer({ url }: { url: string }) {
  return (
    <div class="try-open">
      <p>{t("try.opened")}</p>
      <a class="button" href={url} target="_blank" rel="noopener">
        <Icon name="link" />
        {t("try.open")}
      </a>
    </div>
  );
}
