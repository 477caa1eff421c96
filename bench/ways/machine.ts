/** What a machine without an operating system runs: a boot sector that counts, for the machines of v86 and of QEMU. */

const SECTOR_BYTES = 512;

/** Where its count is: the first address that neither the interrupt table nor the firmware uses. */
export const COUNT_AT = 0x500;

/** Below this, memory has holes and firmware in it. */
export const MEMORY_FROM = 2 ** 20;
/** Each page above has a word in it, as in our kernels: empty pages are left out of a saved state. */
export const PAGE_BYTES = 4096;

/** 16-bit code as it lies at 0x7c00, the signature behind it. */
const CODE = [
  ...[0xfa], //                              cli                     only this code runs
  ...[0x31, 0xc0], //                        xor   ax, ax
  ...[0x8e, 0xd8], //                        mov   ds, ax            addresses count from 0
  ...[0x66, 0xff, 0x06, 0x00, 0x05], // next: inc   dword [0x500]
  ...[0xeb, 0xf9], //                        jmp   next
];
const SIGNATURE = [0x55, 0xaa];

/** A medium of so many bytes to boot from. */
export function bootable(bytes: number): Uint8Array<ArrayBuffer> {
  const medium = new Uint8Array(bytes);
  medium.set(CODE);
  medium.set(SIGNATURE, SECTOR_BYTES - SIGNATURE.length);
  return medium;
}
