/** Nodes of the page: made once, and then changed only where something is new. */

type Value = string | number | boolean;

/** Make an element. What comes from outside goes in as text, never as markup. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className = "",
  attributes: Record<string, Value> = {},
  children: (Node | string)[] = [],
): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

export function makeButton(className: string, text: string, onClick: () => void): HTMLButtonElement {
  const node = make("button", className, { type: "button" }, [text]);
  node.addEventListener("click", onClick);
  return node;
}

export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node: Element, name: string, value: Value | null): void {
  const text = value === null ? null : String(value);
  if (node.getAttribute(name) === text) return;
  if (text === null) node.removeAttribute(name);
  else node.setAttribute(name, text);
}

export function setWidth(node: HTMLElement, share: number): void {
  const width = `${share * 100}%`;
  if (node.style.width !== width) node.style.width = width;
}

/** Make `nodes` the children of `parent`; one that stays in its place keeps its focus and its scroll. */
export function arrange(parent: Element, nodes: Iterable<Element>): void {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const node of wanted) {
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
}

/** A map from key to part. */
export interface Parts<Key, Part> {
  /** The part of a key, made if it is missing. */
  get(key: Key): Part;
  peek(key: Key): Part | undefined;
  each(action: (part: Part) => void): void;
  /** Forget what was not asked for since the last sweep. */
  sweep(): void;
}

export function createParts<Key, Part>(makePart: (key: Key) => Part): Parts<Key, Part> {
  let parts = new Map<Key, Part>();
  let used = new Map<Key, Part>();
  return {
    get(key) {
      const part = used.get(key) ?? parts.get(key) ?? makePart(key);
      used.set(key, part);
      return part;
    },
    sweep() {
      parts = used;
      used = new Map();
    },
    peek: (key) => parts.get(key),
    each: (action) => parts.forEach(action),
  };
}
