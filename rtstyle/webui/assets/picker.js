// The style picker: one button a style, built from props.styles; props.value is the chosen name.
const list = element.querySelector(".rt-styles");

function build() {
  list.replaceChildren(
    ...(props.styles || []).map((style) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "rt-style";
      button.dataset.name = style.name;
      button.setAttribute("role", "radio");
      button.title = [style.title, style.subtitle].filter(Boolean).join(", ");
      const picture = document.createElement("img");
      picture.src = style.preview;
      picture.alt = "";
      picture.loading = "lazy";
      const title = document.createElement("span");
      title.className = "rt-style-title";
      title.textContent = style.title;
      const subtitle = document.createElement("span");
      subtitle.className = "rt-style-subtitle";
      subtitle.textContent = style.subtitle;
      button.append(picture, title, subtitle);
      return button;
    })
  );
  mark();
}

function mark() {
  for (const button of list.children) {
    const chosen = button.dataset.name === props.value;
    button.setAttribute("aria-checked", chosen ? "true" : "false");
    button.tabIndex = chosen ? 0 : -1;
  }
}

function choose(button) {
  if (button && button.dataset.name !== props.value) {
    props.value = button.dataset.name; // Gradio says "change" by itself
    mark();
  }
}

list.addEventListener("click", (event) => choose(event.target.closest(".rt-style")));
list.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...list.children];
  const here = buttons.findIndex((button) => button.dataset.name === props.value);
  const next = buttons[(here + step + buttons.length) % buttons.length];
  choose(next);
  next.focus();
});
// Gradio takes every quoted word of this script for the name of an event, so this property stays unquoted.
watch(Object.keys({ styles: 0 }), build);
watch("value", mark);
build();
