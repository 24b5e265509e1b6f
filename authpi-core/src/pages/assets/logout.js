// Goes on when every app has been told that the session ended, or after three seconds.
(() => {
  "use strict";
  const next = document.getElementById("next");
  if (!next) return;
  const go = () => { window.location.replace(next.href); };
  // All frames are loaded with the page, whether they answer well or not.
  if (document.readyState === "complete") go();
  else window.addEventListener("load", go, { once: true });
  setTimeout(go, 3000);
})();
