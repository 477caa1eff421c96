/**
 * Test files of Node's side that ask for nothing of Node's, run unchanged in a page of a browser. What they need of Node is
 * replaced by an import map (test/browser/page/).
 */

import { stripVTControlCharacters } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { assemble } from "./assemble.ts";
import { type BrowserName, openPage, provideBrowser } from "./browsers.ts";
import { FULL, pythonUnprepared, SEED } from "./runtime.ts";
import { LIBRARY_OF_PAGES, openSite } from "./site.ts";

/** Far above what a file takes. */
const FILE_MS_MAX = FULL ? 1_800_000 : 180_000;

const PAGE = `<!doctype html>
<title>stillpoint</title>
<link rel="icon" href="data:,">
<script type="importmap">
${JSON.stringify({
  imports: {
    uvu: "/node_modules/uvu/dist/index.mjs",
    "uvu/assert": "/node_modules/uvu/assert/index.mjs",
    "uvu/diff": "/node_modules/uvu/diff/index.mjs",
    diff: "/node_modules/diff/lib/index.mjs",
    kleur: "/node_modules/kleur/index.mjs",
    dequal: "/node_modules/dequal/dist/index.mjs",
    ...LIBRARY_OF_PAGES,
    "node:fs": "/test/browser/page/fs.ts",
    "/test/support/runtime.ts": "/test/browser/page/runtime.ts",
    "/test/support/assemble.ts": "/test/browser/page/assemble.ts",
  },
})}
</script>
<script type="module" src="/test/browser/page/run.ts"></script>`;

/** A suite of one test for each file; `own` are files that only a page can run, of test/browser/page/. */
export function runInPages(
  browser: BrowserName,
  files: { always: readonly string[]; full: readonly string[]; own: readonly string[] },
): void {
  const pages = suite(browser);
  pages.before(() => void provideBrowser(browser));
  const shared = [...files.always, ...(FULL ? files.full : [])].map((file) => `${file}.test`);
  for (const file of [...shared, ...files.own.map((name) => `browser/page/${name}`)]) {
    pages(`a page passes ${file.replace(".test", "")}`, async () => {
      const done = Promise.withResolvers<string>();
      await using site = await openSite({
        answers: {
          "/page.html": PAGE,
          "/assemble": (text) => assemble(text)!,
          "/unprepared": pythonUnprepared,
          "/done": (output) => {
            done.resolve(output);
            return "";
          },
        },
      });
      const query = new URLSearchParams({ file: `/test/${file}.ts`, seed: `${SEED}`, ...(FULL && { full: "1" }) });
      using _page = openPage(browser, new URL(`page.html?${query}`, site.url));
      const timer = setTimeout(() => done.resolve("ran out of time"), FILE_MS_MAX);
      const output = stripVTControlCharacters(await done.promise);
      clearTimeout(timer);
      const count = (label: string): number => Number(new RegExp(`^ *${label}: +(\\d+)$`, "m").exec(output)?.[1] ?? -1);
      assert.ok(count("Total") > 0, output);
      assert.is(count("Passed"), count("Total"), output);
      assert.is(count("Skipped"), 0, output);
      assert.not.match(output, /nobody (handled|caught)/);
      for (const [, figure] of output.matchAll(/^# (.*)$/gm))
        console.log(`# ${browser}, ${file.replace(".test", "")}: ${figure}`);
    });
  }
  pages.run();
}
