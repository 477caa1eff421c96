// Goal: the dashboard of a served fleet shows what happens as it happens, does nothing for whoever has no token, and costs hostile
// callers more than the fleet. Method: the built command as a process, its page in Chromium, and requests by hand.

import { writeFileSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { type Browser, chromium, type Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { seriousFaults } from "../support/accessibility.ts";
import { provideBrowser } from "../support/browsers.ts";
import { fleetDirectory, Served } from "../support/served.ts";

const TOKEN = "correct-horse-battery-staple";
const FLEET = {
  updateDomainCount: 3,
  recoveryMs: 0,
  noticeMs: 0,
  shutdown: { noticeMs: 0, drainMs: 0 },
  guests: [{ name: "orders", count: 3, set: "orders", module: "clerk.wasm", services: "v1.mjs" }],
};
/** Longest for anything to show, ms. */
const TIMEOUT_MS = 20_000;

interface Context {
  served: Served;
  readOnly: Served;
  browser: Browser;
  page: Page;
  /** What the page said on its console, or threw. */
  said: string[];
}

const dashboardOf = (served: Served): URL => new URL(`${served.said("serving")!.dashboard}/`);

async function ask(
  url: URL,
  { method = "GET", headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const asked: ClientRequest = request(url, { method, headers, agent: false }, resolve);
  asked.on("error", reject);
  asked.end(body);
  const response = await promise;
  return { status: response.statusCode!, body: await text(response) };
}

const codeOf = ({ body }: { body: string }): string => JSON.parse(body).error.code;

/** Reads the feed until it has met what is asked for. */
async function feed(url: URL, until: (text: string) => boolean, since?: string): Promise<string> {
  const headers = since === undefined ? {} : { "Last-Event-ID": since };
  const ended = new AbortController();
  const response = await fetch(new URL("feed", url), {
    headers,
    signal: AbortSignal.any([ended.signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  assert.is(response.headers.get("content-type"), "text/event-stream");
  let heard = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    heard += chunk;
    if (until(heard)) break;
  }
  ended.abort();
  return heard;
}

const dashboard = suite<Context>("dashboard");

dashboard.before(async (context) => {
  const program = provideBrowser("chromium");
  const directory = fleetDirectory();
  writeFileSync(join(directory, "token"), `${TOKEN}\n`, { mode: 0o600 });
  context.served = await Served.start(directory, { ...FLEET, dashboard: { tokenFile: "token" } });
  context.readOnly = await Served.start(fleetDirectory(), { ...FLEET, dashboard: {} });
  context.browser = await chromium.launch({ executablePath: `/usr/bin/${program}`, args: ["--no-sandbox"] });
  context.said = [];
  context.page = await opened(context, context.served);
});
dashboard.after(async ({ browser, served, readOnly }) => {
  await browser?.close();
  await served?.end();
  await readOnly?.end();
});

async function opened({ browser, said }: Context, served: Served): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
  page.setDefaultTimeout(TIMEOUT_MS);
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(dashboardOf(served).href);
  await page.getByText("Live.").waitFor();
  return page;
}

const card = (page: Page, guest: string) => page.locator(`.card[data-guest="${guest}"]`);
const status = (page: Page, wanted: RegExp) => page.getByRole("status").filter({ hasText: wanted }).waitFor();

dashboard("shows every guest in its place", async ({ page }) => {
  await card(page, "orders_2").waitFor();
  assert.is(await page.locator(".card").count(), 3);
  assert.match(await card(page, "orders_1").innerText(), /orders, domain 1, v1\.mjs, idle, 0\.1 MiB/);
});

dashboard(
  "shows what others do: a freeze, its pause, and a wave that the command line began",
  async ({ served, page }) => {
    await served.command("freeze", "orders_0");
    await page.locator('.card[data-guest="orders_0"][data-state="frozen"]').waitFor();
    await served.command("resume", "orders_0");
    await page.locator("#figure-pauses").filter({ hasText: /^1$/ }).waitFor();
    await served.command("update", "--services", join(served.directory, "v2.mjs"));
    await page.locator("#waves tr").filter({ hasText: "v2.mjs" }).filter({ hasText: "completed" }).waitFor();
    for (const guest of ["orders_0", "orders_1", "orders_2"]) {
      await page.locator(`.card[data-guest="${guest}"][data-services="v2.mjs"]`).waitFor();
    }
    await page.locator("#figure-pauses").filter({ hasText: /^4$/ }).waitFor();
  },
);

dashboard(
  "freezes and resumes for whoever has the token, and says it to whoever has another",
  async ({ page, served }) => {
    await page.locator("#guest").selectOption("orders_1");
    await page.getByLabel("Token").fill("correct-horse-battery-stable");
    await page.getByRole("button", { name: "Freeze" }).click();
    await status(page, /unauthorized/);
    assert.is((await served.json("ps"))[1].state, "idle");
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByRole("button", { name: "Freeze" }).click();
    await status(page, /orders_1 stands still \(idle\)/);
    assert.is((await served.json("ps"))[1].state, "frozen");
    await page.getByRole("button", { name: "Resume" }).click();
    await status(page, /orders_1 stood still for/);
  },
);

dashboard("plans a wave, approves it, and calls another off", async ({ page, served }) => {
  await page.getByLabel(/^Services/).fill(join(served.directory, "v1.mjs"));
  await page.getByLabel("Notice, s").fill("600");
  await page.getByRole("button", { name: "Update wave" }).click();
  await page.locator("#document").filter({ hasText: "Scheduled" }).waitFor();
  await page.getByRole("button", { name: "Approve" }).click();
  await page.locator('.card[data-guest="orders_0"][data-services="v1.mjs"]').waitFor();
  await page.locator("#waves tr").filter({ hasText: "v1.mjs" }).filter({ hasText: "completed" }).waitFor();
  await page.getByLabel(/^Services/).fill(join(served.directory, "v2.mjs"));
  await page.getByRole("button", { name: "Update wave" }).click();
  await page.locator("#document").filter({ hasText: "Scheduled" }).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.locator("#waves tr").filter({ hasText: "canceled" }).waitFor();
});

dashboard("only shows where there is no token", async (context) => {
  const page = await opened(context, context.readOnly);
  await card(page, "orders_2").waitFor();
  await page.getByText("This page only shows").waitFor();
  assert.is(await page.getByRole("button").count(), 0);
  const url = dashboardOf(context.readOnly);
  for (const headers of [{}, { Authorization: `Bearer ${TOKEN}` }, { Authorization: "Bearer undefined" }]) {
    const refused = await ask(new URL("v1/guests/orders_0/freeze", url), {
      method: "POST",
      headers: headers as Record<string, string>,
    });
    assert.equal([refused.status, codeOf(refused)], [403, "read-only"]);
  }
  assert.is((await context.readOnly.json("ps"))[0].state, "idle");
  await page.close();
});

dashboard("the accessibility checker finds nothing serious, and nothing is too wide", async ({ page }) => {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [1100, 360]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      // The page's own rules forbid scripts of others; the checker comes by another way.
      await page.evaluate(axe());
      const found = await seriousFaults(page);
      assert.equal(found, [], `${colorScheme}, ${width}`);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wider <= 0, `nothing is wider than ${width} points, ${wider}`);
    }
  }
});

function axe(): string {
  return (createRequire(import.meta.url)("axe-core") as { source: string }).source;
}

dashboard("its console says nothing but what was refused", ({ said }) => {
  assert.equal(
    said.filter((line) => !/401 \(Unauthorized\)/.test(line)),
    [],
  );
});

dashboard("tells a reader that comes back what it has missed", async ({ served }) => {
  const url = dashboardOf(served);
  const first = await feed(url, (heard) => heard.includes("\n\n"));
  const since = /^id: (\d+)\nevent: fleet\n/.exec(first)![1]!;
  const watched = feed(url, (heard) => heard.includes("event: pauses"));
  await sleep(300);
  await served.command("freeze", "orders_2");
  await served.command("resume", "orders_2");
  await watched;
  const again = await feed(url, (heard) => heard.includes("event: pauses"), since);
  assert.ok(again.indexOf("event: fleet") < again.indexOf("event: pauses"), "all of the fleet comes first");
  assert.match(again, /"guest":"orders_2","kind":"freeze"/);
});

dashboard("refuses what has no token, comes from elsewhere, or is no file of the page", async ({ served }) => {
  const url = dashboardOf(served);
  const freeze = new URL("v1/guests/orders_0/freeze", url);
  const bearer = { Authorization: `Bearer ${TOKEN}` };
  const cases: [number, string, URL, Parameters<typeof ask>[1]][] = [
    [401, "unauthorized", freeze, { method: "POST" }],
    [401, "unauthorized", freeze, { method: "POST", headers: { Authorization: TOKEN } }],
    [401, "unauthorized", freeze, { method: "POST", headers: { Authorization: `Bearer ${TOKEN}x` } }],
    [401, "unauthorized", freeze, { method: "POST", headers: { Cookie: `token=${TOKEN}` } }],
    [401, "unauthorized", new URL(`v1/guests?token=${TOKEN}`, url), {}],
    [403, "host-unknown", url, { headers: { Host: "stillpoint.example" } }],
    [403, "host-unknown", freeze, { method: "POST", headers: { ...bearer, Host: "stillpoint.example" } }],
    [404, "not-found", new URL("/..%2f..%2fpackage.json", url), {}],
    [404, "not-found", new URL("/metrics", url), {}],
    [404, "not-found", new URL("/v1/nothing", url), { headers: bearer }],
    [405, "method-not-allowed", url, { method: "POST", body: "x" }],
    [413, "too-large", freeze, { method: "POST", headers: bearer, body: "x".repeat(2 << 20) }],
  ];
  for (const [status, code, to, options] of cases) {
    const refused = await ask(to, options);
    assert.equal([refused.status, codeOf(refused)], [status, code], `${options?.method ?? "GET"} ${to}`);
  }
  assert.is((await ask(new URL("v1/guests", url), { headers: bearer })).status, 200);
  assert.is((await served.json("ps"))[0].state, "idle");
});

dashboard("readers that do not read, and callers that say nothing, are a matter of their own", async ({ served }) => {
  const url = dashboardOf(served);
  const silent = Array.from({ length: 400 }, () =>
    connect(Number(url.port), url.hostname).on("error", () => undefined),
  );
  const readers = Array.from({ length: 40 }, () => {
    const socket = connect(Number(url.port), url.hostname).on("error", () => undefined);
    socket.write(`GET /feed HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
    return socket.pause();
  });
  await sleep(500);
  const from = performance.now();
  await served.command("freeze", "orders_0");
  await served.command("resume", "orders_0");
  assert.ok(performance.now() - from < TIMEOUT_MS);
  // They are still connected, those that have not been dropped for it.
  for (;;) {
    const { status } = await ask(url).catch(() => ({ status: 0 }));
    if (status === 200) break;
    assert.ok(performance.now() - from < TIMEOUT_MS, "the page can be had again");
    await sleep(50);
  }
  for (const socket of [...silent, ...readers]) socket.destroy();
  await sleep(100);
  assert.ok((await feed(url, (heard) => heard.includes("\n\n"))).includes("orders_0"));
});

dashboard("a token that is none is told before anything is served", async () => {
  const directory = fleetDirectory();
  writeFileSync(join(directory, "token"), "short\n");
  const failed = await Served.start(directory, { ...FLEET, dashboard: { tokenFile: "token" } }).catch((error) => error);
  assert.match(String(failed), /a token has at least 16 characters/);
});

dashboard.run();
