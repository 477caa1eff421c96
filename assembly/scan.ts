/**
 * Content tracking for guests without marks: hashes of pages, compared from one sweep to the next. This is a module of its
 * own because AssemblyScript sees one memory, and this one has to be the guest's. It writes nothing and keeps nothing there;
 * the hashes are kept by the caller.
 *
 * The hash is not meant to withstand somebody who looks for collisions, only to miss a change with a probability of about
 * 2^-64 for each page and sweep. Four independent 64-bit lanes take in 32 bytes at a time; each step is a bijection of the
 * lane for a given word, so two pages that differ in a single word never collide in the lane, and the final mixing is the
 * finaliser of splitmix64 (Steele, Lea, Flood, 2014).
 */

const K0: u64 = 0x9e3779b97f4a7c15;
const K1: u64 = 0xbf58476d1ce4e5b9;
const K2: u64 = 0x94d049bb133111eb;

function mix(h: u64): u64 {
  h = (h ^ (h >> 30)) * K1;
  h = (h ^ (h >> 27)) * K2;
  return h ^ (h >> 31);
}

function step(lane: u64, word: u64): u64 {
  return rotl<u64>((lane ^ word) * K0, 29);
}

/** Hash of `bytes` bytes at `ptr`; `bytes` is a multiple of 32. */
export function hashPage(ptr: usize, bytes: u32): u64 {
  let a: u64 = K0, b: u64 = K1, c: u64 = K2, d: u64 = K0 ^ K1;
  // Counted down, because the end of the last page of 4 GiB is address 0.
  for (let left = bytes; left != 0; left -= 32, ptr += 32) {
    a = step(a, load<u64>(ptr));
    b = step(b, load<u64>(ptr, 8));
    c = step(c, load<u64>(ptr, 16));
    d = step(d, load<u64>(ptr, 24));
  }
  return mix(a + rotl<u64>(mix(b), 17) + rotl<u64>(mix(c), 31) + rotl<u64>(mix(d), 47));
}
