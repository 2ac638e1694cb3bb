// What the customer said to a tool that has a permission each way.

import { consentTo } from "../consent";
import type { Permission } from "../protocol";
import type { SessionView } from "../sessionview";
import { has, t } from "../text";

/** Answers says of each permission that was asked for whether it is allowed, and why not. */
export function Answers({ session, tools }: { session: SessionView; tools: readonly Permission[] }) {
  const consents = tools.map((kind) => consentTo(session, kind)).filter((c) => c !== undefined);
  return (
    <>
      {consents.map((c) => {
        const cause = `control.cause.${c.cause ?? ""}`;
        const word = c.state === "asked" ? t("files.asking") : c.state === "given" ? t("consent.given") : has(cause) ? t(cause) : t(`consent.${c.state}`);
        return (
          <span key={c.permission} data-permission={c.permission} data-state={c.state}>
            <strong>{t(`permission.${c.permission}`)}</strong> <span role="status">{word}</span>
          </span>
        );
      })}
    </>
  );
}
