/**
 * What pages have in the place of AssemblyScript's loader (package.json, "imports"). The loader adds to a module's exports what
 * passes strings and arrays; the core has neither, and a page would download it for nothing.
 */

export function instantiateSync(
  module: WebAssembly.Module,
  imports: WebAssembly.Imports,
): { readonly instance: WebAssembly.Instance } {
  return { instance: new WebAssembly.Instance(module, imports) };
}
