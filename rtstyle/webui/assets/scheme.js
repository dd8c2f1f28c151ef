// Dark or light: the visitor's choice, else what their system says. Gradio reads the class "dark" of the body.
(() => {
  const isDark = () => {
    const asked = new URLSearchParams(location.search).get("__theme");
    const chosen = asked || localStorage.getItem("rtstyle-scheme");
    return chosen ? chosen === "dark" : !matchMedia("(prefers-color-scheme: light)").matches;
  };
  const apply = () => document.body.classList.contains("dark") !== isDark() && document.body.classList.toggle("dark");
  window.rtstyleToggleScheme = () => {
    localStorage.setItem("rtstyle-scheme", document.body.classList.contains("dark") ? "light" : "dark");
    apply();
  };
  const begin = () => {
    apply();
    // Gradio goes by the system alone, and says so again whenever it mounts.
    new MutationObserver(apply).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  };
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);
})();
