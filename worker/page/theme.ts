/** Runs in the head before anything is drawn, so a page that somebody wants dark is never white for a moment. */
try {
  const theme = localStorage.getItem("indelible.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
} catch {
  // Storage may be switched off; then the system's choice holds.
}
