// The scripts run on the Node that the development dependency `node` brings. Where its install script was not allowed to run,
// the machine's own Node answers instead, and everything after would fail in ways that explain nothing.
const major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error(
    `stillpoint needs Node 24 or newer, and this is ${process.version}: run "npm ci" with install scripts allowed for the package "node", or install Node 24.`,
  );
  process.exit(1);
}
