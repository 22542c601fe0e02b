/** What browsers have and jsdom lacks. */

class NoResizeObserver implements ResizeObserver {
  observe(): void { /* nothing has a size here */ }
  unobserve(): void { /* nothing has a size here */ }
  disconnect(): void { /* nothing has a size here */ }
}

globalThis.ResizeObserver = NoResizeObserver;
HTMLCanvasElement.prototype.getContext = () => null;
