/** A page in which guests are frozen, as seen from the bench: it asks for turns, and the page answers each by asking for the next. */

import { type BrowserName, openPage, provideBrowser } from "../../test/support/browsers.ts";
import { LIBRARY_OF_PAGES, openSite } from "../../test/support/site.ts";
import { type Images, type Pause, SUBJECTS, type Subject } from "./pauses.ts";

export interface Turn {
  readonly subject: Subject;
  readonly count: number;
}

export type Answered = { readonly pauses: readonly Pause[] } | { readonly failed: string };

/** Far longer than the page needs for anything, ms. */
const ANSWER_MS_MAX = 60_000;

const PAGE = `<!doctype html>
<title>stillpoint</title>
<link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports: LIBRARY_OF_PAGES })}</script>
<script type="module" src="/bench/browser/page.ts"></script>`;

export class PageTurns implements AsyncDisposable {
  readonly #ends = new AsyncDisposableStack();
  #answered: PromiseWithResolvers<readonly Pause[]> = Promise.withResolvers();
  #asked: PromiseWithResolvers<Turn | undefined> = Promise.withResolvers();

  /** Resolves once the page's guests are at work. */
  static async open(browser: BrowserName, images: Images): Promise<PageTurns> {
    provideBrowser(browser);
    const turns = new PageTurns();
    const site = await openSite({
      answers: {
        "/page.html": PAGE,
        ...Object.fromEntries(SUBJECTS.map((name, i) => [`/image/${i}`, () => images[name]])),
        "/turn": (body) => turns.#next(JSON.parse(body) as Answered),
      },
    });
    turns.#ends.use(site);
    turns.#ends.use(openPage(browser, new URL("page.html", site.url)));
    await turns.#answer();
    return turns;
  }

  async #next(answer: Answered): Promise<string> {
    if ("failed" in answer) this.#answered.reject(new Error(`the page failed: ${answer.failed}`));
    else this.#answered.resolve(answer.pauses);
    const turn = await this.#asked.promise;
    this.#asked = Promise.withResolvers();
    return turn === undefined ? "" : JSON.stringify(turn);
  }

  async #answer(): Promise<readonly Pause[]> {
    const timer = setTimeout(() => this.#answered.reject(new Error("the page does not answer")), ANSWER_MS_MAX);
    try {
      return await this.#answered.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  turn(subject: Subject, count: number): Promise<readonly Pause[]> {
    this.#answered = Promise.withResolvers();
    this.#asked.resolve({ subject, count });
    return this.#answer();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Its guests are ended by the page; if it does not, they end with the browser.
    this.#asked.resolve(undefined);
    await this.#ends.disposeAsync();
  }
}
