// OpenID Connect Session Management 1.0 §3.3: an app asks "client_id session_state" and hears whether it changed.
(() => {
  "use strict";
  const endpoint = document.body.dataset.endpoint;

  const ask = async (client, state, origin) => {
    const answer = await fetch(endpoint, {
      method: "POST",
      credentials: "include",
      cache: "no-store",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ client_id: client, session_state: state, origin }),
    });
    if (!answer.ok) return "error";
    const { valid } = await answer.json();
    return valid === true ? "unchanged" : "changed";
  };

  window.addEventListener("message", async (event) => {
    if (!event.source || typeof event.data !== "string") return;
    const separator = event.data.lastIndexOf(" ");
    let told = "error";
    if (separator > 0 && separator < event.data.length - 1 && event.origin !== "null") {
      try {
        told = await ask(event.data.slice(0, separator), event.data.slice(separator + 1), event.origin);
      } catch {
        told = "error";
      }
    }
    // To the origin that asked and no other. An opaque one cannot be named, and gets no answer.
    if (event.origin !== "null") event.source.postMessage(told, { targetOrigin: event.origin });
  });
})();
