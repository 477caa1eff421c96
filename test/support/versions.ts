/**
 * Services under the clerk that say which version they are, keep a count from one version to the next, and are broken as told, for the
 * guests that are named. Fragments of code stand at the moment that their names say.
 */

import { services } from "./guests.ts";

export interface Broken {
  /** Whom it concerns; without it everybody. */
  readonly guests?: readonly string[];
  /** Runs in attach, which may then last so long, ms. */
  readonly attach?: string;
  readonly attachMs?: number;
  readonly restore?: string;
  /** Runs each time the services are asked how they are; `asked` counts from 1. */
  readonly healthy?: string;
}

export function version(v: number, broken: Broken = {}): URL {
  const concerns = broken.guests === undefined ? "true" : `${JSON.stringify(broken.guests)}.includes(host.guest)`;
  const when = (code: string | undefined): string => (code === undefined ? "" : `if (${concerns}) { ${code} }`);
  return services(`
    ${when(broken.attach)}
    let calls = 0;
    let asked = 0;
    const attached = {
      imports: { env: { ask(n) { calls++; if (n > 0) host.wait({ untilMs: host.clock.monotonicMs() + n }); return ${v}; } } },
      calls: {
        version: () => ${v},
        calls: () => calls,
        die: () => process.exit(9),
        busy(ms) { const until = Date.now() + ms; while (Date.now() < until); return ${v}; },
      },
      snapshot: () => ({ calls }),
      restore(state) { ${when(broken.restore)} calls = state?.calls ?? 0; },
      healthy() { asked++; ${when(broken.healthy)} return true; },
    };
    ${when(`if (${broken.attachMs ?? 0} > 0) return new Promise((resolve) => setTimeout(resolve, ${broken.attachMs ?? 0}, attached));`)}
    return attached;`);
}
