/*
 * What bench/ways/criu.ts dumps and restores: counter FILE MIB [without-vdso]
 *
 * It counts in memory of its own, with a word in each page as our kernels have, and shows its count in a file that it shares. With the third
 * argument it gives up the pages of the kernel's vDSO, which it does not use: see without-vdso.c.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void give_up_vdso(void) {
  char line[512];
  unsigned long from[8], to[8];
  int count = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps != NULL && count < 8 && fgets(line, sizeof line, maps) != NULL)
    if ((strstr(line, "[vdso]") != NULL || strstr(line, "[vvar") != NULL) &&
        sscanf(line, "%lx-%lx", &from[count], &to[count]) == 2)
      count++;
  if (maps != NULL) fclose(maps);
  while (count-- > 0) munmap((void *)from[count], to[count] - from[count]);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  if (argc > 3) give_up_vdso();
  int file = open(argv[1], O_RDWR);
  size_t bytes = (size_t)atoi(argv[2]) << 20;
  volatile uint32_t *shown = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  volatile uint32_t *own = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (shown == MAP_FAILED || own == MAP_FAILED) return 1;
  close(file);
  for (size_t at = 0; at < bytes / 4; at += 1024) own[at] = 1;
  for (;;) *shown = ++*own;
}
