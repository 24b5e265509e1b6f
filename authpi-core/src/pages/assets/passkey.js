// Passkeys (WebAuthn Level 3): asks the authenticator, and posts its answer with the form of the button.
(() => {
  "use strict";
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  const bytes = (text) => {
    const base64 = text.replace(/-/g, "+").replace(/_/g, "/");
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  };
  const text = (buffer) => {
    let binary = "";
    for (const byte of new Uint8Array(buffer)) binary += String.fromCharCode(byte);
    return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };
  const named = (list) => (list || []).map((item) => ({ ...item, id: bytes(item.id) }));

  const answerOf = (credential) => {
    const response = {};
    for (const part of ["clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject"]) {
      if (credential.response[part]) response[part] = text(credential.response[part]);
    }
    if (credential.response.getTransports) response.transports = credential.response.getTransports();
    return {
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
      clientExtensionResults: credential.getClientExtensionResults(),
      response,
    };
  };

  const optionsFor = async (form) => {
    const answer = await fetch(form.dataset.passkey, {
      method: "POST",
      credentials: "same-origin",
      cache: "no-store",
      headers: { "Content-Type": "application/json", "Authpi-Portal": form.elements.ticket.value },
      body: "{}",
    });
    if (!answer.ok) throw new Error("refused");
    const sent = await answer.json();
    const options = sent.publicKey ?? sent;
    options.challenge = bytes(options.challenge);
    options.allowCredentials = named(options.allowCredentials);
    return options;
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const problem = form.querySelector(".problem");
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      // The page's own guard sees a form that is sent already.
      event.stopPropagation();
      problem.hidden = true;
      try {
        const credential = await navigator.credentials.get({ publicKey: await optionsFor(form) });
        form.elements.assertion.value = JSON.stringify(answerOf(credential));
        HTMLFormElement.prototype.submit.call(form);
      } catch {
        problem.hidden = false;
      }
    });
  }
})();
