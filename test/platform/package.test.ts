// Goal: what is published works in pages, built with Vite or put beside them as it is. Method: the package as npm packs it, unpacked into
// an empty project; in Chromium a page of that project prepares a module, and freezes and resumes a guest at work.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { build } from "vite";
import { openPage, provideBrowser } from "../support/browsers.ts";
import { openSite } from "../support/site.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

/** Far above what the page takes. */
const ANSWER_MS_MAX = 60_000;

const PROGRAM = `
import { Fleet, prepare } from "stillpoint";

async function run() {
  const image = await prepare(await (await fetch("kernels.wasm")).arrayBuffer());
  await using fleet = await Fleet.open();
  const guest = await fleet.boot(image, { name: "kernels" });
  const fib = await guest.call("fib", [20]);
  guest.call("spin").catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const { how } = await guest.freeze({ budgetMs: 10_000 });
  const { blackoutMs } = await guest.resume();
  return { fib, how, stoodStill: blackoutMs > 0 };
}

run()
  .catch((error) => ({ failed: String(error) }))
  .then((body) => fetch("done", { method: "POST", body: JSON.stringify(body) }));
`;

const page = (imports: object): string => `<!doctype html>
<title>stillpoint</title>
<link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module" src="./page.js"></script>`;

const packaged = suite("the package");
let project: string;

packaged.before(() => {
  provideBrowser("chromium");
  project = mkdtempSync(join(tmpdir(), "stillpoint-"));
  mkdirSync(join(project, "node_modules"));
  mkdirSync(join(project, "public"));
  const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", project];
  execFileSync("npm", pack, { cwd: PROJECT, stdio: ["ignore", "ignore", "inherit"] });
  const [archive] = readdirSync(project).filter((name) => name.endsWith(".tgz"));
  execFileSync("tar", ["-xzf", archive!, "--one-top-level=node_modules/stillpoint", "--strip-components=1"], {
    cwd: project,
  });
  cpSync(join(PROJECT, "test/output/kernels.wasm"), join(project, "public/kernels.wasm"));
  writeFileSync(join(project, "page.js"), PROGRAM);
});

packaged.after(() => rmSync(project, { recursive: true, force: true }));

/** What the page of the site in this folder answers. */
async function answerOf(folder: string): Promise<unknown> {
  const answer = Promise.withResolvers<unknown>();
  await using site = await openSite({
    root: pathToFileURL(`${folder}/`),
    answers: {
      "/done": (body) => {
        answer.resolve(JSON.parse(body));
        return "";
      },
    },
  });
  using _page = openPage("chromium", new URL("index.html", site.url));
  const timer = setTimeout(() => answer.resolve("no answer"), ANSWER_MS_MAX);
  try {
    return await answer.promise;
  } finally {
    clearTimeout(timer);
  }
}

const RIGHT = { fib: 6765, how: "parked", stoodStill: true };

packaged("works beside a page as it is", async () => {
  writeFileSync(
    join(project, "index.html"),
    page({ stillpoint: "./node_modules/stillpoint/dist/browser/stillpoint.js" }),
  );
  cpSync(join(project, "public/kernels.wasm"), join(project, "kernels.wasm"));
  assert.equal(await answerOf(project), RIGHT);
});

packaged("works in a page that Vite has built", async () => {
  writeFileSync(join(project, "index.html"), page({}));
  await build({ root: project, configFile: false, logLevel: "error", build: { outDir: "built", target: "es2024" } });
  assert.equal(await answerOf(join(project, "built")), RIGHT);
});

packaged.run();
