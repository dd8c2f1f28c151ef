// Dark or light: the visitor's choice, else what their system says. Gradio reads the class "dark" of the body.
(() => {
  const wanted = () => {
    const chosen = localStorage.getItem("rtstyle-scheme");
    const asked = new URLSearchParams(location.search).get("__theme");
    return asked || chosen || (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
  };
  const apply = () => document.body && document.body.classList.toggle("dark", wanted() === "dark");
  window.rtstyleToggleScheme = () => {
    const next = document.body.classList.contains("dark") ? "light" : "dark";
    localStorage.setItem("rtstyle-scheme", next);
    document.body.classList.toggle("dark", next === "dark");
  };
  new MutationObserver((_, observer) => {
    if (document.body) {
      apply();
      observer.disconnect();
    }
  }).observe(document.documentElement, { childList: true });
  // Gradio sets the class again when it mounts.
  window.addEventListener("load", () => [0, 300, 1200].forEach((delay) => setTimeout(apply, delay)));
})();
