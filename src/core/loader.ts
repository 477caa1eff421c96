/**
 * The loader of AssemblyScript, under a name of our own. The build puts the package's file in the place of this one
 * (.ci/place-loader.cjs): Workers of browsers know no import maps, so nothing that they load may have a bare name in it.
 */

export { instantiateSync } from "@assemblyscript/loader";
