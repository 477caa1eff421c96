// Goal: a guest's place is fixed while it lives, and sets are spread evenly over their domains. Method: round robin as the
// protocol tells it, then random comings and goings against counts made by hand.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet } from "../../dist/index.js";
import { Placements } from "../../dist/schedule/placement.js";
import { codeOf, kernels } from "../support/guests.ts";
import { Random } from "../support/random.ts";

const placing = suite("placement");

placing("with five update domains the sixth guest joins the first's, the seventh the second's", () => {
  const placements = new Placements();
  const places = Array.from({ length: 8 }, (_, i) => placements.place(`orders_${i}`, { set: "orders" }));
  assert.equal(
    places.map((place) => place.updateDomain),
    [0, 1, 2, 3, 4, 0, 1, 2],
  );
  assert.equal(
    places.map((place) => place.faultDomain),
    [0, 1, 2, 0, 1, 2, 0, 1],
  );
  assert.equal(
    places.map((place) => place.index),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  assert.equal(placements.members("orders").length, 8);
});

placing("a guest without a set is a set of one that bears its name", () => {
  const placements = new Placements();
  assert.is(placements.place("alone").set, "alone");
  assert.equal(placements.members("alone"), ["alone"]);
  assert.equal([...placements.sets()], ["alone"]);
});

placing("sets are counted apart", () => {
  const placements = new Placements();
  placements.place("a", { set: "one" });
  assert.is(placements.place("b", { set: "two" }).updateDomain, 0);
  assert.is(placements.place("c", { set: "one" }).updateDomain, 1);
});

placing("an update domain that is asked for is given, and the others fill up around it", () => {
  const placements = new Placements({ updateDomainCount: 3 });
  const domains = [2, undefined, 0, undefined].map(
    (updateDomain, i) =>
      placements.place(`g${i}`, { set: "s", ...(updateDomain === undefined ? {} : { updateDomain }) }).updateDomain,
  );
  assert.equal(domains, [2, 0, 0, 1]);
});

placing("a set and a guest that stands alone cannot be mistaken for each other", async () => {
  const placements = new Placements();
  placements.place("web");
  assert.is(await codeOf(() => void placements.place("other", { set: "web" })), "SP_CONFIG_INVALID");
  placements.place("db_0", { set: "db" });
  assert.is(await codeOf(() => void placements.place("db")), "SP_CONFIG_INVALID");
  assert.equal([...placements.sets()], ["web", "db"]);
});

placing("domains are counted from 1 to 20 and from 1 to 3, nothing else", async () => {
  for (const updateDomainCount of [0, 21, 1.5, Number.NaN, -1]) {
    assert.is(await codeOf(() => void new Placements({ updateDomainCount })), "SP_CONFIG_INVALID");
  }
  for (const faultDomainCount of [0, 4, 2.5]) {
    assert.is(await codeOf(() => void new Placements({ faultDomainCount })), "SP_CONFIG_INVALID");
  }
  const placements = new Placements({ updateDomainCount: 20, faultDomainCount: 1 });
  assert.is(placements.place("last", { set: "s", updateDomain: 19 }).updateDomain, 19);
  assert.is(await codeOf(() => void placements.place("g", { set: "s", updateDomain: 20 })), "SP_CONFIG_INVALID");
});

placing("whoever comes and goes, a new guest goes where its set has the fewest", () => {
  const random = new Random(50);
  const placements = new Placements({ updateDomainCount: 4 });
  const living = new Map<string, { set: string; updateDomain: number; faultDomain: number }>();
  for (let round = 0; round < 2000; round++) {
    if (living.size > 0 && random.oneIn(3)) {
      const name = random.pick([...living.keys()]);
      placements.remove(name);
      placements.remove(name);
      living.delete(name);
      assert.is(placements.of(name), undefined);
      continue;
    }
    const set = `set ${random.below(3)}`;
    const fellows = [...living.values()].filter((one) => one.set === set);
    const count = (field: "updateDomain" | "faultDomain", domain: number): number =>
      fellows.filter((one) => one[field] === domain).length;
    const place = placements.place(`g${round}`, { set });
    for (const domain of [0, 1, 2, 3]) {
      assert.ok(count("updateDomain", place.updateDomain) <= count("updateDomain", domain));
    }
    for (const domain of [0, 1, 2]) {
      assert.ok(count("faultDomain", place.faultDomain) <= count("faultDomain", domain));
    }
    living.set(`g${round}`, place);
  }
  for (const [name, place] of living) {
    assert.equal(placements.of(name), place);
    assert.ok(placements.members(place.set).includes(name));
  }
});

placing("a fleet places its guests, and gives a place up with its guest", async () => {
  await using fleet = await Fleet.open({ updateDomainCount: 2 });
  const image = await kernels();
  const guests = [];
  for (const name of ["a", "b", "c"]) guests.push(await fleet.boot(image, { name, set: "letters" }));
  await fleet.boot(image, { name: "alone" });
  assert.equal(
    ["a", "b", "c"].map((name) => fleet.placement(name)?.updateDomain),
    [0, 1, 0],
  );
  assert.is(fleet.placement("alone")?.set, "alone");
  await guests[1]!.terminate();
  assert.is(fleet.placement("b"), undefined);
  assert.is(await codeOf(fleet.boot(image, { name: "d", set: "alone" })), "SP_CONFIG_INVALID");
  assert.is(await codeOf(fleet.boot(image, { name: "d", updateDomain: 2 })), "SP_CONFIG_INVALID");
  assert.is(await codeOf(fleet.boot({} as typeof image, { name: "d", set: "letters" })), "SP_CONFIG_INVALID");
  assert.is(fleet.placement("d"), undefined);
  await fleet.boot(image, { name: "d", set: "letters" });
  assert.is(fleet.placement("d")?.updateDomain, 1);
});

placing.run();
