"use strict";

const place = document.getElementById("swagger-ui");
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function followColorScheme() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

followColorScheme();
dark.addEventListener("change", followColorScheme);

window.ui = SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  oauth2RedirectUrl: window.location.origin + place.dataset.redirect,
  persistAuthorization: true,
  showCommonExtensions: true,
  tryItOutEnabled: true,
});

// Swagger UI focuses the API key, which is below the edge of the window.
function focusUserName(records) {
  const added = records.flatMap((record) => [...record.addedNodes]);
  if (added.some((node) => node.classList?.contains("dialog-ux"))) {
    document.getElementById("oauth_username")?.focus();
  }
}

nameControls(place, {
  ".body-param__text": "Request body",
  ".close-modal": "Close",
  ".content-type": "Media type",
  ".copy-to-clipboard button": "Copy",
  ".examples-select-element": "Example",
  "tr[data-param-name] select": "Value",
});
new MutationObserver(focusUserName).observe(place, { childList: true, subtree: true });
