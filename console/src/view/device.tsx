// What asks for a device of the customer's network, and how the technician signs in to
// it. What the device says is text and nothing else.

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { maxPrompt, maxTrustWords, minTrustWords } from "../protocol";
import { hidden, type SessionView } from "../sessionview";
import { addressOf, deviceOf, type Entered } from "../shell/login";
import { type Shell, shellConsent } from "../shell/shell";
import { has, isolate, t } from "../text";
import { useConsole } from "./context";
import type { Docked } from "./dock";
import { Icon } from "./icons";
import { ToolButton } from "./tool";

/** DeviceButton opens the form in which a device is named, takes the question back, or gives it back. */
export function DeviceButton({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const form = desk.pictures.of(session.id)?.shell.form;
  return form && <ToolButton session={session} tool="ssh" form={{ open: form.value, toggle: () => (form.value = !form.value) }} />;
}

/** deviceDocked is there while a device is named. */
export function deviceDocked(session: SessionView, shell: Shell | undefined): Docked | null {
  if (shell?.form.value !== true || session.state !== "Active") return null;
  return { id: "device", name: t("ssh.form"), on: false, body: <DeviceForm session={session} shell={shell} /> };
}

/** DeviceForm names the device that the customer is asked about. */
function DeviceForm({ session, shell }: { session: SessionView; shell: Shell }) {
  const { desk } = useConsole();
  const bad = useSignal(false);
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const frame = requestAnimationFrame(() => first.current?.focus());
    return () => cancelAnimationFrame(frame);
  }, []); // its panel comes to the front first
  const close = () => {
    shell.form.value = bad.value = false;
    document.querySelector<HTMLElement>('[aria-controls="tools"]')?.focus(); // the menu that it came from
  };
  return (
    <form
      class="device-form"
      data-testid="device-form"
      aria-label={t("ssh.form")}
      autocomplete="off"
      onKeyDown={(e) => e.key === "Escape" && close()}
      onSubmit={(e) => {
        e.preventDefault();
        const data = new FormData(e.currentTarget);
        const device = deviceOf(String(data.get("host")), String(data.get("user")), data.get("old") !== null);
        bad.value = device === null;
        if (device === null) return;
        void desk.acts.ask(session.id, "ssh", device);
        close();
      }}
    >
      <label>
        {t("ssh.host")}
        <input ref={first} name="host" type="text" required spellcheck={false} autocapitalize="off" aria-describedby="device-host-hint" />
        <small id="device-host-hint">{t("ssh.host_hint")}</small>
      </label>
      <label>
        {t("ssh.user")}
        <input name="user" type="text" required maxLength={64} spellcheck={false} autocapitalize="off" />
      </label>
      <label class="device-old">
        <input name="old" type="checkbox" />
        {t("ssh.old")}
      </label>
      <button type="submit" class="button small primary">{t("ssh.send")}</button>
      <button type="button" class="button small" onClick={close}>{t("ssh.close")}</button>
      <span class="device-bad" role="status">{bad.value ? t("ssh.bad") : ""}</span>
    </form>
  );
}

/** DeviceLogin shows the key, and then asks for what the device asks for. */
export function DeviceLogin({ session, shell }: { session: SessionView; shell: Shell }) {
  const { key, trusted, prompt } = shell.login;
  if (key.value === null) return null;
  if (!trusted.value) return <Key session={session} shell={shell} />;
  if (prompt.value === null) return null;
  return <Prompt key={prompt.value.ask} session={session} shell={shell} />;
}

function deviceName(session: SessionView): string {
  const device = shellConsent(session)?.device;
  return device == null ? "" : addressOf(device);
}

/** The key of a device. Nothing is chosen for the technician but how to sign in. */
function Key({ session, shell }: { session: SessionView; shell: Shell }) {
  const key = shell.login.key.value;
  const trouble = useSignal("");
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => heading.current?.focus(), []);
  const known = key?.known ?? "changed"; // a broker that says nothing is not believed
  const changed = known === "changed";
  return (
    <form
      class="device-login"
      data-testid="device-key"
      data-known={known}
      autocomplete="off"
      onSubmit={(e) => {
        e.preventDefault();
        const data = new FormData(e.currentTarget);
        const words = String(data.get("words") ?? "");
        const done = hidden(session) === null && shell.login.trust(data.get("method") === "key" ? "key" : "password", words);
        trouble.value = done ? "" : changed && [...words.trim()].length < minTrustWords ? t("ssh.words_short", { n: minTrustWords }) : t("shell.gone");
      }}
    >
      <h2 ref={heading} tabIndex={-1}>{t("ssh.key", { device: deviceName(session) })}</h2>
      <p class={changed ? "device-warning" : undefined} role={changed ? "alert" : "status"}>
        {changed && <Icon name="warn" />}
        {t(`ssh.known.${known}`)}
      </p>
      <p>
        <code data-testid="fingerprint">{key?.key}</code>
        <span class="device-soft"> {key?.algorithm} · {key?.program}</span>
      </p>
      {key?.before !== undefined && (
        <p>
          {t("ssh.before")} <code>{key.before}</code>
        </p>
      )}
      {changed && (
        <label>
          {t("ssh.words")}
          <input name="words" type="text" maxLength={maxTrustWords} required />
        </label>
      )}
      <fieldset class="device-methods">
        <legend>{t("ssh.method")}</legend>
        <label>
          <input type="radio" name="method" value="password" defaultChecked />
          {t("ssh.method.password")}
        </label>
        <label>
          <input type="radio" name="method" value="key" />
          {t("ssh.method.key")}
        </label>
      </fieldset>
      <button type="submit" class="button small primary" data-testid="device-trust">{t("ssh.trust")}</button>
      <span class="device-bad" role="alert">{trouble.value}</span>
    </form>
  );
}

/** One thing that a device asks for. The field is emptied when what was entered is sealed. */
function Prompt({ session, shell }: { session: SessionView; shell: Shell }) {
  const prompt = shell.login.prompt.value;
  const trouble = useSignal("");
  const form = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => form.current?.querySelector<HTMLElement>("textarea, input")?.focus(), []);
  if (prompt === null) return null;
  const method = prompt.method ?? "password";
  const cause = `ssh.cause.${prompt.cause ?? ""}`;
  const field = (name: string) => form.current?.elements.namedItem(name) as HTMLInputElement | null;
  const send = async () => {
    const entered: Entered = method === "key" ? { key: field("key")?.value ?? "", passphrase: field("passphrase")?.value ?? "" } : { text: field("text")?.value ?? "" };
    if (hidden(session) !== null) {
      trouble.value = t("shell.held");
      return;
    }
    trouble.value = "";
    form.current?.reset();
    if (!(await shell.login.answer(entered))) trouble.value = t("ssh.too_long");
  };
  return (
    <form
      ref={form}
      class="device-login"
      data-testid="device-prompt"
      data-method={method}
      data-left={prompt.left}
      data-cause={prompt.cause}
      autocomplete="off"
      onSubmit={(e) => {
        e.preventDefault();
        void send();
      }}
    >
      {has(cause) && <p class="device-warning" role="alert"><Icon name="warn" />{t(cause)}</p>}
      {prompt.text !== undefined && (
        <figure>
          <figcaption>{t("ssh.says")}</figcaption>
          <pre data-testid="device-says">{isolate(prompt.text.slice(0, maxPrompt))}</pre>
        </figure>
      )}
      {method === "key" ? (
        <>
          <label>
            {t("ssh.prompt.key")}
            <textarea name="key" rows={4} required spellcheck={false} autocomplete="off" />
          </label>
          <label>
            {t("ssh.prompt.passphrase")}
            <input name="passphrase" type="password" autocomplete="off" />
          </label>
        </>
      ) : (
        <label>
          {method === "password" ? t("ssh.prompt.password", { user: shellConsent(session)?.device?.user ?? "" }) : t("ssh.prompt.question")}
          {prompt.hidden === true ? <input name="text" type="password" autocomplete="off" /> : <input name="text" type="text" autocomplete="off" spellcheck={false} />}
        </label>
      )}
      <p class="device-soft">{t("ssh.sealed")}</p>
      <button type="submit" class="button small primary">{t("ssh.sign_in")}</button>
      <span>{t("ssh.tries", { n: prompt.left ?? 0 })}</span>
      <span class="device-bad" role="alert">{trouble.value}</span>
    </form>
  );
}
