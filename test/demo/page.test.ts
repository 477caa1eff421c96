// Goal: the page shows real pauses, and every control does what it says. Method: the built page in Chromium, driven by its roles and
// names; counters of the guests' frames tell whether a picture was ever torn or started again.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { seriousFaults } from "../support/accessibility.ts";
import { provideBrowser } from "../support/browsers.ts";
import { openSite, type Site } from "../support/site.ts";

interface Context {
  site: Site;
  browser: Browser;
  page: Page;
  /** What the page said on its console, or threw. */
  said: string[];
}

const ROOT = new URL("../../", import.meta.url);
const PICTURES = new URL("test/output/page/", ROOT);
const GUESTS = 12;
/** Longest for anything to show, ms. */
const TIMEOUT_MS = 40_000;

const demo = suite<Context>("page");

demo.before(async (context) => {
  const program = provideBrowser("chromium");
  // Not the library itself: other tests are running on it.
  execFileSync("npm", ["run", "-s", "demo:files"], { cwd: ROOT, stdio: "inherit" });
  mkdirSync(PICTURES, { recursive: true });
  context.site = await openSite({ root: new URL("dist-demo/", ROOT) });
  context.browser = await chromium.launch({ executablePath: `/usr/bin/${program}`, args: ["--no-sandbox"] });
  context.said = [];
  context.page = await opened(context, new URL("index.html", context.site.url));
  await context.page.getByText("all of them run.").waitFor();
});
demo.after(async ({ browser, site }) => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});

async function opened({ browser, said }: Context, url: URL): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
  page.setDefaultTimeout(TIMEOUT_MS);
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => said.push(String(error)));
  await page.addInitScript(() => {
    const long: number[] = [];
    Object.assign(globalThis, { longTasks: long });
    new PerformanceObserver((list) => long.push(...list.getEntries().map(({ duration }) => duration))).observe({
      type: "longtask",
    });
  });
  await page.goto(url.href);
  return page;
}

interface Card {
  readonly guest: string;
  readonly state: string;
  readonly services: string;
  readonly frame: number;
  readonly gaps: number;
}

function cards(page: Page): Promise<Card[]> {
  return page.locator(".card").evaluateAll((elements) =>
    elements.map((element) => {
      const { guest = "", state = "", services = "", frame, gaps } = (element as HTMLElement).dataset;
      return { guest, state, services, frame: Number(frame), gaps: Number(gaps) };
    }),
  );
}

async function status(page: Page, text: RegExp, timeout = TIMEOUT_MS): Promise<void> {
  await page.getByRole("status").filter({ hasText: text }).waitFor({ timeout });
}

/** Presses a button as somebody without a mouse does. */
async function press(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name, exact: true }).focus();
  await page.keyboard.press("Enter");
}

async function pauseCount(page: Page): Promise<number> {
  return Number(await page.locator("#figure-pauses").textContent());
}

demo("a dozen guests paint, each frame after the one before", async ({ page }) => {
  const before = await cards(page);
  assert.is(before.length, GUESTS);
  await page.waitForTimeout(1500);
  for (const [index, card] of (await cards(page)).entries()) {
    assert.ok(card.frame > before[index]!.frame, `${card.guest} paints`);
    assert.is(card.gaps, 0, card.guest);
  }
});

demo("a frozen guest paints nothing until it is resumed, by keyboard alone", async ({ page }) => {
  await press(page, "Freeze");
  await status(page, /counter-1 stands still/);
  const frozen = (await cards(page))[0]!;
  assert.is(frozen.state, "frozen");
  await page.waitForTimeout(400);
  // One frame may have been on its way.
  const later = (await cards(page))[0]!;
  assert.ok(later.frame <= frozen.frame + 1);
  await page.waitForTimeout(300);
  assert.is((await cards(page))[0]!.frame, later.frame);
  await press(page, "Resume");
  await status(page, /counter-1 stood still for/);
  await press(page, "Resume");
  await status(page, /SP_GUEST_STATE/);
});

demo("a guest that is handed over goes on with the next frame", async ({ page }) => {
  await page.locator("#guest").selectOption("mandelbrot-1");
  for (let turn = 0; turn < 3; turn++) {
    await press(page, "Hand over");
    await status(page, /mandelbrot-1 is in another Worker/);
    await page.getByRole("status").evaluate((element) => (element.textContent = ""));
  }
  await page.waitForTimeout(500);
  assert.is((await cards(page)).find(({ guest }) => guest === "mandelbrot-1")!.gaps, 0);
});

demo("a storm fills lanes and histogram, tears no picture, and leaves the page responsive", async ({ page }) => {
  const before = await pauseCount(page);
  await page.evaluate(() => ((globalThis as unknown as { longTasks: number[] }).longTasks.length = 0));
  await press(page, "Freeze storm");
  await page.waitForFunction(
    (count) => Number(document.querySelector("#figure-pauses")?.textContent) > count,
    before + 300,
    {
      timeout: 60_000,
    },
  );
  await page.screenshot({ path: new URL("storm.png", PICTURES).pathname, fullPage: true });
  await press(page, "Freeze storm");
  await status(page, /the storm is over/);
  const longest = await page.evaluate(() =>
    Math.max(0, ...(globalThis as unknown as { longTasks: number[] }).longTasks),
  );
  const figures = await page.locator("#figures").innerText();
  console.log(
    `# storm in the page: ${figures.replaceAll("\n", " ")}; longest task on its thread ${longest.toFixed(0)} ms`,
  );
  for (const { guest, gaps } of await cards(page)) assert.is(gaps, 0, guest);
});

demo(
  "a wave announces, waits for approval, and moves every guest, without a picture that starts again",
  async ({ page }) => {
    await press(page, "Update wave");
    await page.locator("#document").filter({ hasText: "Scheduled" }).waitFor();
    const first = JSON.parse((await page.locator("#document").textContent())!);
    assert.is(first.Events.length, 4);
    await press(page, "Approve");
    await status(page, /the wave is completed: 12 guests updated, 0 gone back/, 2 * TIMEOUT_MS);
    await page.waitForTimeout(500);
    for (const { guest, services, gaps } of await cards(page)) {
      assert.is(services, "v2", guest);
      assert.is(gaps, 0, guest);
    }
    const last = JSON.parse((await page.locator("#document").textContent())!);
    assert.equal(last.Events, []);
    assert.ok(last.DocumentIncarnation > first.DocumentIncarnation);
    await page.screenshot({ path: new URL("wave.png", PICTURES).pathname, fullPage: true });
  },
);

demo("a sick version is rolled back, and the wave stops", async ({ page }) => {
  await page.getByLabel("the new version is sick").check();
  await page.getByLabel("Notice, s").fill("0");
  await press(page, "Update wave");
  await status(page, /the wave is stopped: 0 guests updated, [1-9]\d* gone back/);
  for (const { guest, services, gaps } of await cards(page)) {
    assert.is(services, "v2", guest);
    assert.is(gaps, 0, guest);
  }
  await page.getByLabel("the new version is sick").uncheck();
});

demo("a wave that is called off leaves nothing standing", async ({ page }) => {
  await page.getByLabel("Notice, s").fill("60");
  await press(page, "Update wave");
  await page.locator("#document").filter({ hasText: "Scheduled" }).waitFor();
  await press(page, "Cancel");
  await status(page, /the wave is canceled/);
  assert.equal(JSON.parse((await page.locator("#document").textContent())!).Events, []);
});

demo("a guest is started again with more memory and another clock, and its pages are mapped", async ({ page }) => {
  await page.locator("#guest").selectOption("life-1");
  await page.locator("#memory").selectOption("256");
  await page.locator("#clock").selectOption("exclude");
  await press(page, "Start again");
  await status(page, /life-1 has started again with 256 MiB/);
  await page
    .locator("#pages-text")
    .filter({ hasText: /^65\d{3} pages: [1-9]\d* written, [1-9]\d* others/ })
    .waitFor();
  await page.screenshot({ path: new URL("pages.png", PICTURES).pathname, fullPage: true });
});

demo("the accessibility checker finds nothing serious, wide or narrow, light or dark", async ({ page }) => {
  const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [1100, 360]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await page.addScriptTag({ path: axe });
      const found = await seriousFaults(page);
      assert.equal(found, [], `${colorScheme}, ${width}`);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wider <= 0, `nothing is wider than ${width} points, ${wider}`);
      await page.screenshot({ path: new URL(`${colorScheme}-${width}.png`, PICTURES).pathname });
    }
  }
});

demo("its console stays empty", ({ said }) => {
  assert.equal(said, []);
});

demo("without the headers it says which ones are missing", async ({ browser }) => {
  await using site = await openSite({ root: new URL("dist-demo/", ROOT), isolated: false });
  const page = await browser.newPage();
  await page.goto(new URL("index.html", site.url).href);
  await page.getByRole("heading", { name: "This page cannot run guests here" }).waitFor();
  assert.match(await page.locator("#reasons").innerText(), /Cross-Origin-Opener-Policy: same-origin/);
  assert.ok(await page.locator("#live").isHidden());
  await page.close();
});

demo.run();
