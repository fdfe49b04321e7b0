// Runs a command on a system that refuses system calls: refuse ERRNO NAME... -- COMMAND. A name is one of those below, or `new`: all
// calls of Linux 5.0 and later.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct { const char *name; int number; } calls[] = {
    {"prlimit64", SYS_prlimit64}, {"getrlimit", SYS_getrlimit}, {"setrlimit", SYS_setrlimit}, {"openat2", 437}};

int main(int argc, char **argv) {
  struct sock_filter code[64] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  unsigned short n = 1;
  int at = 2;
  if (argc < 4) return 2;
  struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (atoi(argv[1]) & SECCOMP_RET_DATA));
  for (; at < argc && strcmp(argv[at], "--") && n < 60; at++) {
    struct sock_filter test = BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 424, 0, 1);
    if (strcmp(argv[at], "new")) {
      size_t call = 0;
      while (call < sizeof calls / sizeof *calls && strcmp(argv[at], calls[call].name)) call++;
      if (call == sizeof calls / sizeof *calls) return 2;
      test = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[call].number, 0, 1);
    }
    code[n++] = test;
    code[n++] = refuse;
  }
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog filter = {n, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
    perror("prctl");
    return 3;
  }
  execvp(argv[at + 1], argv + at + 1);
  perror(argv[at + 1]);
  return 4;
}
