/** The guests as cards: picture, state, version, clock. One of them is the chosen one. */

import { type Painter, servicesOf } from "./painters.ts";

interface Card {
  readonly painter: Painter;
  readonly element: HTMLElement;
  readonly context: CanvasRenderingContext2D;
  readonly text: HTMLElement;
  /** Number and run of the frame that is shown. */
  shown: string;
}

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(tag), properties);
}

export class Cards {
  readonly #cards: readonly Card[];

  constructor(target: HTMLElement, painters: readonly Painter[]) {
    this.#cards = painters.map((painter) => {
      const element = make("article", { className: "card" });
      element.style.setProperty("--domain", painter.colour);
      element.dataset.guest = painter.name;
      const canvas = make("canvas", { width: 96, height: 96 });
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `What ${painter.name} paints`);
      const text = make("p");
      element.append(canvas, make("h3", { textContent: painter.name }), text);
      target.append(element);
      return { painter, element, context: canvas.getContext("2d")!, text, shown: "" };
    });
  }

  choose(painter: Painter): void {
    for (const card of this.#cards) card.element.setAttribute("aria-current", String(card.painter === painter));
  }

  /** Paints what has come since. Gives the painters of whom something has. */
  update(): readonly Painter[] {
    const painted: Painter[] = [];
    for (const card of this.#cards) {
      const { painter, element, context, text } = card;
      const { frame, run, gaps, guest, updateDomain } = painter;
      const running = guest.services?.href === servicesOf("v2").href ? "v2" : "v1";
      const clock = frame === undefined ? "" : `, clock ${((frame.clockMs - painter.clockFromMs) / 1000).toFixed(1)} s`;
      text.textContent = `domain ${updateDomain}, ${running}, ${guest.state}, frame ${frame?.frame ?? 0}${clock}`;
      Object.assign(element.dataset, {
        state: guest.state,
        services: running,
        frame: `${frame?.frame ?? 0}`,
        gaps: `${gaps}`,
      });
      const shown = `${run}:${frame?.frame}`;
      if (frame === undefined || shown === card.shown) continue;
      card.shown = shown;
      context.putImageData(new ImageData(frame.pixels, frame.width, frame.height), 0, 0);
      painted.push(painter);
    }
    return painted;
  }
}
