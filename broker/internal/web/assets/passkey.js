// Passkeys, for signing in and for adding one (W3C WebAuthn level 3). The form carries what
// the authenticator answers to the broker, which decides.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  buffer
    ? btoa(String.fromCharCode(...new Uint8Array(buffer)))
        .replaceAll("+", "-")
        .replaceAll("/", "_")
        .replace(/=+$/, "")
    : undefined;

function options(o) {
  o.challenge = bytes(o.challenge);
  if (o.user) o.user.id = bytes(o.user.id);
  for (const list of [o.allowCredentials, o.excludeCredentials]) for (const c of list ?? []) c.id = bytes(c.id);
  return o;
}

function answer(c) {
  const r = c.response;
  return JSON.stringify({
    id: c.id,
    rawId: text(c.rawId),
    type: c.type,
    authenticatorAttachment: c.authenticatorAttachment ?? undefined,
    clientExtensionResults: {},
    response: {
      clientDataJSON: text(r.clientDataJSON),
      attestationObject: text(r.attestationObject),
      transports: r.getTransports?.(),
      authenticatorData: r.attestationObject ? undefined : text(r.authenticatorData),
      signature: text(r.signature),
      userHandle: text(r.userHandle),
    },
  });
}

const says = (form, what) => (form.querySelector("[data-said]").textContent = what ?? "");

async function ask(form) {
  const adds = form.dataset.passkey === "add";
  if (!window.PublicKeyCredential || !navigator.credentials) return says(form, form.dataset.none);
  if (location.origin !== form.dataset.origin) return says(form, form.dataset.elsewhere);
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    says(form, form.dataset.asking);
    const asked = await fetch("/passkey", { method: "POST", body: new URLSearchParams({ for: adds ? "add" : "get" }) });
    const body = await asked.json();
    if (body.go) return location.assign(body.go);
    if (!asked.ok) return says(form, body.say);
    const publicKey = options(body.publicKey);
    let made;
    try {
      made = adds ? await navigator.credentials.create({ publicKey }) : await navigator.credentials.get({ publicKey });
    } catch (e) {
      return says(form, e.name === "InvalidStateError" ? form.dataset.already : form.dataset.refused);
    }
    form.elements.credential.value = answer(made);
    says(form, "");
    form.submit();
  } catch {
    says(form, form.dataset.failed);
  } finally {
    button.disabled = false;
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.dataset?.passkey) return;
  event.preventDefault();
  void ask(event.target);
});
