/* Runs a command and writes to file descriptor 3 what its threads do with files, a line each, in
 * order: `write INODE`, `sync INODE`, `name INODE NAME`. For x86-64 Linux. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_text(pid_t pid, unsigned long address, char *text, size_t size) {
  for (size_t at = 0; at + sizeof(long) < size; at += sizeof(long)) {
    errno = 0;
    long word = ptrace(PTRACE_PEEKDATA, pid, address + at, 0);
    if (errno) break;
    memcpy(text + at, &word, sizeof word);
    text[at + sizeof word] = 0;
    if (memchr(&word, 0, sizeof word)) break;
  }
}

static unsigned long inode(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 ? status.st_ino : 0;
}

static unsigned long inode_of_descriptor(pid_t pid, unsigned long fd) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, (int)fd);
  return inode(path);
}

static void name(pid_t pid, unsigned long from, unsigned long to) {
  char old[4096] = "", new[4096] = "", path[4200];
  read_text(pid, from, old, sizeof old);
  read_text(pid, to, new, sizeof new);
  if (strncmp(old, "/proc/self/", 11) == 0)
    snprintf(path, sizeof path, "/proc/%d/%s", pid, old + 11);
  else
    snprintf(path, sizeof path, "%s", old);
  dprintf(3, "name %lu %s\n", inode(path), new);
}

static void enter(pid_t pid) {
  struct user_regs_struct r;
  if (ptrace(PTRACE_GETREGS, pid, 0, &r)) return;
  switch (r.orig_rax) {
  case SYS_write: case SYS_pwrite64: case SYS_writev: case SYS_ftruncate:
    dprintf(3, "write %lu\n", inode_of_descriptor(pid, r.rdi));
    break;
  case SYS_fsync: case SYS_fdatasync:
    dprintf(3, "sync %lu\n", inode_of_descriptor(pid, r.rdi));
    break;
  case SYS_rename: case SYS_link:
    name(pid, r.rdi, r.rsi);
    break;
  case SYS_linkat: case SYS_renameat: case SYS_renameat2:
    name(pid, r.rsi, r.r10);
    break;
  }
}

int main(int argc, char **argv) {
  (void)argc;
  pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0)) _exit(99);
    raise(SIGSTOP);
    execv(argv[1], argv + 1);
    _exit(98);
  }
  /* Stops at a call's beginning and at its end alternate, for each thread. */
  static char inside[1 << 22];
  int status;
  waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return 99;
  ptrace(PTRACE_SETOPTIONS, child, 0,
         PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
             PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
  ptrace(PTRACE_SYSCALL, child, 0, 0);
  for (;;) {
    pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0) return 97;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (pid == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      continue;
    }
    int signal = WSTOPSIG(status), deliver = 0;
    if (signal == (SIGTRAP | 0x80)) {
      inside[pid] = !inside[pid];
      if (inside[pid]) enter(pid);
    } else if (signal != SIGTRAP && signal != SIGSTOP) {
      deliver = signal;
    }
    ptrace(PTRACE_SYSCALL, pid, 0, deliver);
  }
}
