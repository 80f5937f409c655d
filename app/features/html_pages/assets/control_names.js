"use strict";

// Names the controls of a third-party interface for screen readers, also those that it adds later.
function nameControls(place, names) {
  const nameAll = () => {
    for (const [selector, name] of Object.entries(names)) {
      const unnamed = place.querySelectorAll(`:is(${selector}):not([aria-label])`);
      for (const control of unnamed) control.setAttribute("aria-label", name);
    }
  };
  nameAll();
  new MutationObserver(nameAll).observe(place, { childList: true, subtree: true });
}
