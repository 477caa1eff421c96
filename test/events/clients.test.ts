// Goal: clients that others wrote and published play the life of an event against this service, as they are. Method: `curl`, and
// the agent `azure-events-az` of Debian's package resource-agents, which moves a cluster's work off a machine before it is restarted.
//
// Both have the address 169.254.169.254 built in, and reach a guest's listener in two ways: by a proxy setting in their environment,
// and, in a network namespace of its own, by that very address on the loopback interface. For the second this file runs itself once
// more inside `unshare`. The agent's cluster is a script: no work ever runs on it.
//
// What is missing on a machine is said in one line that the runner shows. .ci/run brings the agent, unpacked below test/output.

import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { EventHandle } from "../../dist/index.js";
import { type Served, served } from "../support/metadata.ts";

const ADDRESS = "169.254.169.254";
const INSIDE = process.env.SP_NAMESPACE === "1";
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

interface Result {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result> {
  return new Promise((resolve) => {
    execFile(command, args, { env: { ...process.env, ...env }, timeout: 120_000 }, (error, output, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code), output, errors });
    });
  });
}

const missing = (command: string): boolean =>
  spawnSync(command, ["--version"], { stdio: "ignore" }).error !== undefined;

interface Context {
  service: Served;
  /** What a client's environment needs to find the guest orders_0 at the address. */
  env: Readonly<Record<string, string | undefined>>;
  schedule(): EventHandle;
}

const clients = suite<Context>(INSIDE ? "published clients at their own address" : "published clients");

clients.before.each(async (context) => {
  // These clients are quicker than people; the limit has a test of its own.
  context.service = await served({ orders: 2 }, { limits: { requestsPerSecond: 100 } });
  const { server, bulletin } = context.service;
  const at = INSIDE ? { host: ADDRESS, port: 80 } : {};
  const { url } = await server.listen({ guest: "orders_0", ...at });
  const proxy = INSIDE ? undefined : url;
  context.env = { http_proxy: proxy, no_proxy: undefined, NO_PROXY: undefined, all_proxy: undefined };
  context.schedule = () => bulletin.events.schedule({ type: "Reboot", resources: ["orders_0"], source: "Platform" });
});
clients.after.each(async ({ service }) => service[Symbol.asyncDispose]());

clients(
  "curl plays a life: nothing planned, scheduled, approved, started, gone",
  async ({ env, schedule, service }) => {
    if (missing("curl")) return console.log("# curl is not on this machine and was not tried");
    const url = `http://${ADDRESS}/metadata/scheduledevents?api-version=2020-07-01`;
    const curl = async (...more: readonly string[]): Promise<string> => {
      const { code, output, errors } = await run("curl", ["-sS", "--fail", "-H", "Metadata: true", ...more, url], env);
      assert.is(code, 0, errors);
      return output;
    };
    assert.equal(JSON.parse(await curl()), { DocumentIncarnation: 1, Events: [] });
    const handle = schedule();
    const scheduled = JSON.parse(await curl());
    assert.is(scheduled.DocumentIncarnation, 2);
    assert.equal([scheduled.Events[0].EventStatus, scheduled.Events[0].Resources], ["Scheduled", ["orders_0"]]);
    const approval = JSON.stringify({ StartRequests: [{ EventId: scheduled.Events[0].EventId }] });
    assert.is(await curl("-d", approval), "");
    assert.is(await handle.ready, "approved");
    handle.start();
    const started = JSON.parse(await curl());
    assert.equal(
      [started.DocumentIncarnation, started.Events[0].EventStatus, started.Events[0].NotBefore],
      [3, "Started", ""],
    );
    handle.complete();
    assert.equal(JSON.parse(await curl()), { DocumentIncarnation: 4, Events: [] });
    const etag = service.bulletin.events.incarnation({ guest: "orders_0" });
    const { output } = await run(
      "curl",
      ["-s", "-w", "%{http_code}", "-H", "Metadata: true", "-H", `If-None-Match: "${etag}"`, url],
      env,
    );
    assert.is(output, "304");
  },
);

/** The agent's library and itself, as the package lays them out; undefined where there is no package. */
function findAgent(): { readonly root: string; readonly agent: string } | undefined {
  const roots = ["/usr/lib/ocf", here("../output/resource-agents/usr/lib/ocf")];
  const found = roots.find((root) => existsSync(join(root, "resource.d/heartbeat/azure-events-az")));
  return found === undefined ? undefined : { root: found, agent: join(found, "resource.d/heartbeat/azure-events-az") };
}

clients(
  "azure-events-az takes its work off, approves, and comes back when the event is over",
  async ({ env, schedule, service }) => {
    const found = findAgent();
    if (found === undefined || missing("python3")) {
      return console.log(
        "# azure-events-az was not tried: python3 or Debian's package resource-agents is missing (.ci/run brings it)",
      );
    }
    const place = mkdtempSync(join(tmpdir(), "cluster-"));
    const commands = join(place, "bin");
    const nodes = join(place, "nodes");
    mkdirSync(commands);
    for (const name of ["crm_attribute", "crm_node", "crm_resource", "crm_simulate"]) {
      symlinkSync(here("../support/cluster.sh"), join(commands, name));
    }
    const attribute = (name: string): string | undefined => {
      const file = join(nodes, hostname(), name);
      return existsSync(file) ? readFileSync(file, "utf8") : undefined;
    };
    const state = (): string => attribute("azure-events-az_curNodeState") ?? "AVAILABLE";
    /** What the cluster does every ten seconds. */
    const monitor = async (): Promise<void> => {
      const { code, errors } = await run("python3", ["-tt", found.agent, "monitor"], {
        ...env,
        PATH: `${commands}:${process.env.PATH}`,
        CLUSTER: nodes,
        OCF_ROOT: found.root,
        OCF_RESKEY_eventTypes: "Reboot,Redeploy",
        OCF_RESOURCE_INSTANCE: "events",
      });
      assert.is(code, 0, errors);
    };

    await monitor();
    assert.is(attribute("azName"), "orders_0");
    assert.is(state(), "AVAILABLE");

    const handle = schedule();
    const { id } = handle.event;
    await monitor();
    assert.is(state(), "STOPPING");
    assert.is(attribute("azure-events-az_pendingEventIDs"), id);
    assert.is(attribute("#health-azure"), "-1000000", "the cluster moves the work away");
    assert.not.ok(handle.event.approved);

    await monitor();
    assert.is(await handle.ready, "approved");
    assert.is(state(), "IN_EVENT");

    assert.ok(handle.start());
    await monitor();
    assert.is(state(), "IN_EVENT");
    assert.is(attribute("azure-events-az_pendingEventIDs"), id);

    assert.ok(handle.complete());
    await monitor();
    assert.is(state(), "AVAILABLE");
    assert.is(attribute("azure-events-az_pendingEventIDs"), undefined);
    assert.is(attribute("#health-azure"), "0", "the work may come back");

    // What is planned for somebody else means: stay up.
    const other = service.bulletin.events.schedule({ type: "Redeploy", resources: ["orders_1"] });
    await monitor();
    assert.is(state(), "AVAILABLE");
    assert.not.ok(other.event.approved);
    rmSync(place, { recursive: true });
  },
);

if (!INSIDE) {
  clients("the same at 169.254.169.254 itself, in a network namespace", async () => {
    const inside = ["-rn", "sh", "-ec"];
    if (missing("unshare") || missing("ip") || spawnSync("unshare", [...inside, "true"]).status !== 0) {
      return console.log("# not tried in a network namespace: this machine does not let its users make one");
    }
    const script = `ip link set lo up; ip addr add ${ADDRESS}/32 dev lo; exec "$0" --disable-warning=ExperimentalWarning "$1"`;
    const self = fileURLToPath(import.meta.url);
    const { code, output, errors } = await run("unshare", [...inside, script, process.execPath, self], {
      SP_NAMESPACE: "1",
    });
    assert.is(code, 0, output + errors);
    assert.match(output, /Passed: +2\n/);
  });
}

clients.run();
