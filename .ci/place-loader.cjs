// Puts the code of @assemblyscript/loader where dist/ would import it by name (src/core/loader.ts says why).
const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

const folder = join(__dirname, "../node_modules/@assemblyscript/loader");
const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const notice = `// ${name} ${version}, ${license}, Copyright The AssemblyScript Authors; unchanged below this line.\n`;
writeFileSync(join(__dirname, "../dist/core/loader.js"), notice + readFileSync(join(folder, "index.js"), "utf8"));
