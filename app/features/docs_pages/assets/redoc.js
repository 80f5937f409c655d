"use strict";

const place = document.getElementById("redoc");
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const fontFamily = "system-ui, sans-serif";

// The default theme has less contrast than WCAG 2.2 demands of text (AA, 4.5 to 1).
const LIGHT = {
  colors: {
    primary: { main: "#0b5d56" },
    success: { main: "#17651c" },
    warning: { main: "#8a5300" },
    error: { main: "#b3201b" },
    text: { primary: "#1b1d1f", secondary: "#50565b" },
    responses: responses("#8fe39a", "#fbbf4d", "#ff9e99"),
  },
  typography: typography("#a1281f", "#f0f0ee"),
};

const DARK = {
  colors: {
    primary: { main: "#2dd4bf" },
    success: { main: "#7ddc87" },
    warning: { main: "#fbbf4d" },
    error: { main: "#ff9e99" },
    gray: { 50: "#171b1e", 100: "#1e2327" },
    text: { primary: "#eceeef", secondary: "#a3abb1" },
    border: { dark: "#2a3034", light: "#171b1e" },
    responses: responses("#7ddc87", "#fbbf4d", "#ff9e99"),
  },
  schema: { linesColor: "#3f6f6a", nestedBackground: "#171b1e" },
  typography: typography("#ffb4a8", "#22282c"),
  sidebar: { backgroundColor: "#171b1e", textColor: "#eceeef", activeTextColor: "#2dd4bf" },
  rightPanel: {
    backgroundColor: "#0b0e10",
    textColor: "#eceeef",
    servers: { overlay: { backgroundColor: "#171b1e", textColor: "#eceeef" }, url: { backgroundColor: "#0b0e10" } },
  },
  codeBlock: { backgroundColor: "#171b1e" },
  fab: { backgroundColor: "#2a3034", color: "#2dd4bf" },
};

// The tabs of responses are on a dark ground in both themes.
function responses(success, redirect, error) {
  const theme = { success: { tabTextColor: success }, redirect: { tabTextColor: redirect } };
  return { ...theme, error: { tabTextColor: error } };
}

function typography(color, backgroundColor) {
  return { fontFamily, headings: { fontFamily }, code: { color, backgroundColor } };
}

// ReDoc computes its colours once.
dark.addEventListener("change", () => window.location.reload());
nameControls(place, { ".dropdown-select": "Variant" });
Redoc.init(
  place.dataset.document,
  {
    expandResponses: "200,201",
    hideHostname: true,
    sortRequiredPropsFirst: true,
    theme: dark.matches ? DARK : LIGHT,
  },
  place,
);
