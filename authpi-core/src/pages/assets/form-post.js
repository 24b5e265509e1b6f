// Sends the answer of the authorization endpoint on its way, once: coming back with the back button sends nothing again.
(() => {
  "use strict";
  const form = document.getElementById("form-post");
  const [entry] = performance.getEntriesByType("navigation");
  if (form && (!entry || entry.type !== "back_forward")) HTMLFormElement.prototype.submit.call(form);
})();
