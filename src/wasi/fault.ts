/** A call's failure as the guest will see it. No Error: programs look for files that are not there by the thousand. */
export class Fault {
  /** Of errno.ts. */
  readonly errno: number;
  constructor(errno: number) {
    this.errno = errno;
  }
}
