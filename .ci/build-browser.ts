/**
 * Makes dist/browser/:
 *
 *   stillpoint.js   the library for pages and their Workers, whole: with the core in it
 *   index.js        what bundlers take. They leave a file alone that is named by its URL, and a Worker of the library can only run
 *                   that file if it stays one; so this asks for it by its URL and passes on what it exports
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const DIST = new URL("../dist/", import.meta.url);
const TO = new URL("browser/", DIST);

const digits = (name: string): string => JSON.stringify(readFileSync(new URL(`${name}.wasm`, DIST)).toString("hex"));

/**
 * TypeScript passes the one name of a module that is not known here, that of the user's services, through a function which makes
 * relative names end in .js. Services are named by whole URLs, so the function goes.
 */
const importAsNamed = {
  name: "import-as-named",
  transform: (code: string): string =>
    code
      .replace(/^var __rewriteRelativeImportExtension = .*?^\};\n/ms, "")
      .replace(/__rewriteRelativeImportExtension\((\w+)\)/, "$1"),
};

const bundle = await rolldown({
  input: fileURLToPath(new URL("browser.js", DIST)),
  platform: "browser",
  plugins: [importAsNamed],
  transform: { target: "es2024", define: { CORE_WASM: digits("core"), SCAN_WASM: digits("scan") } },
  optimization: { inlineConst: { mode: "all", pass: 3 } },
  // Nothing of ours has getters that do something.
  treeshake: { propertyReadSideEffects: false, propertyWriteSideEffects: false, unknownGlobalSideEffects: false },
});
const { output } = await bundle.generate({ minify: true, comments: false });
const [library, ...others] = output;
const besides = [...others.map(({ fileName }) => fileName), ...library.imports];
if (besides.length > 0) throw new Error(`the library is not one file, it comes with ${besides.join(", ")}`);

mkdirSync(TO, { recursive: true });
// The file of a guest's services is the one thing that it imports; servers that look through modules warn of such addresses.
writeFileSync(new URL("stillpoint.js", TO), library.code.replace("await import(", "await import(/* @vite-ignore */ "));
writeFileSync(
  new URL("index.js", TO),
  `const url = new URL("./stillpoint.js", import.meta.url).href;
export const { ${library.exports.join(", ")} } = await import(/* webpackIgnore: true */ /* @vite-ignore */ url);
`,
);
