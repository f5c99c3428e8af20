// Reviewing by keyboard: an element's data-key names the keys that press it. In a field, Enter saves
// and Escape leaves the field.

let pressed = false; // one answer for one plate, also from an impatient finger

function find(key) {
  return document.querySelector(`[data-key~="${CSS.escape(key)}"]`);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const target = event.target;
  if (target.matches("input, textarea, select")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  // Enter presses the button or link that has the focus, as anywhere.
  if (event.key === "Enter" && target.closest("button, a, summary")) return;
  const wanted = find(event.key.length === 1 ? event.key.toLowerCase() : event.key);
  if (wanted === null || pressed) return;
  event.preventDefault();
  if (wanted.matches("input")) {
    wanted.focus();
    wanted.select();
  } else {
    wanted.click();
  }
});

document.addEventListener("submit", (event) => {
  if (pressed) event.preventDefault();
  pressed = true;
});

window.addEventListener("pageshow", () => {
  pressed = false; // also when the browser goes back to a page that it kept
});
