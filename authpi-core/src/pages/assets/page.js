// What makes the pages nicer; every page works without it.
(() => {
  "use strict";

  // A form is sent once: the second click of a double click would replay the step.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      return;
    }
    form.setAttribute("aria-busy", "true");
  });
  // Coming back with the back button shows the page as it was left.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
  });

  for (const button of document.querySelectorAll(".reveal")) {
    const input = document.getElementById(button.getAttribute("aria-controls"));
    button.hidden = false;
    button.addEventListener("click", () => {
      const shown = input.type === "text";
      input.type = shown ? "password" : "text";
      button.setAttribute("aria-pressed", String(!shown));
      input.focus();
    });
    // Password managers do not store what they take for text.
    input.form.addEventListener("submit", () => { input.type = "password"; });
  }

  for (const part of document.querySelectorAll(".script-only")) part.hidden = false;
  for (const button of document.querySelectorAll("[data-print]")) {
    button.addEventListener("click", () => window.print());
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) {
      button.hidden = true;
      continue;
    }
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      const codes = document.getElementById(button.dataset.copy).querySelectorAll("code");
      await navigator.clipboard.writeText(Array.from(codes, (code) => code.textContent).join("\n"));
      button.textContent = button.dataset.done;
    });
  }
})();
