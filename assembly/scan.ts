/**
 * Content tracking for guests without marks: hashes of pages, compared from one sweep to the next. This is a module of its
 * own because AssemblyScript sees one memory, and this one has to be the guest's. It writes nothing and keeps nothing there;
 * the hashes are kept by the caller.
 *
 * The hash is not meant to withstand somebody who looks for collisions, only to miss a change with a probability of about
 * 2^-64 for each page and sweep. Four independent 64-bit lanes take in 32 bytes at a time, each by the round of XXH64 (Collet,
 * 2012), a bijection of the lane for a given word and of the word for a given lane, so two pages that differ in a single word
 * never collide in the lane; the final mixing is the finaliser of splitmix64 (Steele, Lea, Flood, 2014). The round multiplies
 * the word before it meets the lane and the lane after: with either one left out, a change of a word's highest bit leaves a
 * change of a single bit in the lane, and a change of that bit in the lane's next word takes it back.
 */

const P1: u64 = 0x9e3779b185ebca87;
const P2: u64 = 0xc2b2ae3d27d4eb4f;
const M1: u64 = 0xbf58476d1ce4e5b9;
const M2: u64 = 0x94d049bb133111eb;

function mix(h: u64): u64 {
  h = (h ^ (h >> 30)) * M1;
  h = (h ^ (h >> 27)) * M2;
  return h ^ (h >> 31);
}

function step(lane: u64, word: u64): u64 {
  return rotl<u64>(lane + word * P2, 31) * P1;
}

/** Hash of `bytes` bytes at `ptr`; `bytes` is a multiple of 32. */
export function hashPage(ptr: usize, bytes: u32): u64 {
  let a: u64 = P1, b: u64 = P2, c: u64 = M1, d: u64 = M2;
  // Counted down, because the end of the last page of 4 GiB is address 0.
  for (let left = bytes; left != 0; left -= 32, ptr += 32) {
    a = step(a, load<u64>(ptr));
    b = step(b, load<u64>(ptr, 8));
    c = step(c, load<u64>(ptr, 16));
    d = step(d, load<u64>(ptr, 24));
  }
  return mix(a + rotl<u64>(mix(b), 17) + rotl<u64>(mix(c), 31) + rotl<u64>(mix(d), 47));
}
