/*
 * Starts a program without the kernel's vDSO, as all are on a kernel that was booted with vdso=0: without-vdso PROGRAM [ARGUMENT]...
 *
 * CRIU looks for the vDSO's data directly before its code, and gives up on kernels that have more pages there than it knew of when it was
 * made. Without a vDSO it looks for none. Between execve and the program's first instruction its pages are unmapped, by a system call put
 * where that instruction is, and the entry of the auxiliary vector by which libc would find it is struck out.
 */

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "only x86-64 is known here"
#endif

/* The bytes 0f 05, least significant first. */
static const long SYSCALL = 0x050f;

static long word(pid_t pid, unsigned long at) { return ptrace(PTRACE_PEEKDATA, pid, at, 0); }

static void unmap(pid_t pid, unsigned long from, unsigned long to) {
  struct user_regs_struct before, call;
  ptrace(PTRACE_GETREGS, pid, 0, &before);
  long code = word(pid, before.rip);
  ptrace(PTRACE_POKETEXT, pid, before.rip, (code & ~0xffffL) | SYSCALL);
  call = before;
  call.rax = SYS_munmap;
  call.rdi = from;
  call.rsi = to - from;
  ptrace(PTRACE_SETREGS, pid, 0, &call);
  ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
  waitpid(pid, NULL, 0);
  ptrace(PTRACE_POKETEXT, pid, before.rip, code);
  ptrace(PTRACE_SETREGS, pid, 0, &before);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  pid_t pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  int status;
  if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return 127;

  /* On its stack: the count of arguments, these and a null, the environment and a null, the auxiliary vector. */
  struct user_regs_struct registers;
  ptrace(PTRACE_GETREGS, pid, 0, &registers);
  unsigned long at = registers.rsp + 8 * (1 + word(pid, registers.rsp) + 1);
  while (word(pid, at) != 0) at += 8;
  for (at += 8; word(pid, at) != AT_NULL; at += 16)
    if (word(pid, at) == AT_SYSINFO_EHDR) ptrace(PTRACE_POKEDATA, pid, at, AT_IGNORE);

  char text[512];
  unsigned long from, to;
  snprintf(text, sizeof text, "/proc/%d/maps", pid);
  FILE *maps = fopen(text, "r");
  while (maps != NULL && fgets(text, sizeof text, maps) != NULL)
    if ((strstr(text, "[vdso]") != NULL || strstr(text, "[vvar") != NULL) && sscanf(text, "%lx-%lx", &from, &to) == 2)
      unmap(pid, from, to);
  if (maps != NULL) fclose(maps);

  ptrace(PTRACE_DETACH, pid, 0, 0);
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
