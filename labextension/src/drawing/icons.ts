/** Small signs, each told apart by its shape as well as by its colour. */

const SHAPES: Readonly<Record<string, string>> = {
  done: '<circle cx="8" cy="8" r="7"/><path class="cut" d="M4.6 8.3 7 10.7l4.4-5"/>',
  failed: '<circle cx="8" cy="8" r="7"/><path class="cut" d="m5.2 5.2 5.6 5.6m0-5.6-5.6 5.6"/>',
  lost: '<path d="M8 .8 15.6 14.6H.4z"/><path class="cut" d="M8 6v4m0 1.6v1.2"/>',
  cancelled: '<circle cx="8" cy="8" r="7"/><path class="cut" d="M4.6 8h6.8"/>',
  stopped: '<rect x="2" y="2" width="12" height="12" rx="2"/>',
  running:
    '<circle class="line faint" cx="8" cy="8" r="6"/><path class="line turning" d="M8 2a6 6 0 0 1 6 6"/>',
  starting: '<circle class="line dashed" cx="8" cy="8" r="6"/>',
  waiting: '<circle class="line" cx="8" cy="8" r="6"/>',
  fold: '<path class="line" d="m5.5 3 5 5-5 5"/>',
  cross: '<path class="line" d="m4 4 8 8m0-8-8 8"/>',
  again: '<path class="line" d="M12.6 10.4A5.2 5.2 0 1 1 12.3 5M12.6 2v3.2H9.4"/>',
};

export function makeIcon(name = ""): SVGElement {
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("class", "scoop-icon");
  icon.setAttribute("viewBox", "0 0 16 16");
  icon.setAttribute("aria-hidden", "true");
  setIcon(icon, name);
  return icon;
}

export function setIcon(icon: SVGElement, name: string): void {
  if (icon.dataset.name === name) return;
  icon.dataset.name = name;
  icon.innerHTML = SHAPES[name] ?? "";
}
