// What is said where no session is open.

import { t } from "../text";
import { useConsole } from "./context";
import { Try } from "./try";

export function Teach() {
  const { desk } = useConsole();
  const welcome = desk.welcome.value;
  if (welcome === null) {
    return (
      <div class="teach">
        <h1>{t("teach.connecting")}</h1>
      </div>
    );
  }
  return (
    <div class="teach">
      <h1>{t("teach.heading")}</h1>
      {welcome.can_issue ? (
        <>
          <ol class="teach-steps">
            <li>{t("teach.one")}</li>
            <li>{t("teach.two")}</li>
            <li>{t("teach.three")}</li>
          </ol>
          <p class="soft">{t("teach.keys")}</p>
          <Try />
        </>
      ) : (
        <p>{t("rail.may_not_issue")}</p>
      )}
    </div>
  );
}
