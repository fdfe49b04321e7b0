/* Configures a library in every way, and asks the module what it sees. The library was built with --dir data --env BUILT=in. */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *memory;
static int n_failed;

#define EXPECT(what, wanted) expect(__LINE__, #what, (long long)(what), (long long)(wanted))
static void expect(int line, const char *what, long long value, long long wanted) {
  if (value != wanted) n_failed++, printf("line %d: %s is %lld, not %lld\n", line, what, value, wanted);
}

#define EXPECT_TEXT(text, wanted) expect_text(__LINE__, text, wanted)
static void expect_text(int line, const char *text, const char *wanted) {
  if (strcmp(text, wanted)) n_failed++, printf("line %d: `%s`, not `%s`\n", line, text, wanted);
}

static uint32_t word(int place) {
  uint32_t value;
  memcpy(&value, memory + place, 4);
  return value;
}

/* Strings of the module, joined by commas. */
static const char *list(int count) {
  static char text[300];
  const char *next = memory + 1024;
  text[0] = 0;
  for (int i = 0; i < count; i++, next += strlen(next) + 1) strcat(strcat(text, next), ",");
  return text;
}

/* What the host's streams have seen. */
struct log {
  char text[300];
  int n_calls, most, error, raises;
};

static ptrdiff_t take(void *data, const void *buffer, size_t length) {
  struct log *log = data;
  log->n_calls++;
  if (log->raises) w2n_raise_message("not this");
  if (log->error && log->n_calls > log->most) return log->error;
  if (!log->error && log->most && length > (size_t)log->most) length = log->most;
  strncat(log->text, buffer, length);
  return length;
}

static const char *input = "some words\n";

static ptrdiff_t give(void *data, void *buffer, size_t length) {
  struct log *log = data;
  log->n_calls++;
  if (log->error == -EINTR) return log->error = 0, -EINTR;
  if (log->error) return log->error;
  size_t left = strlen(input);
  if (length > left) length = left;
  memcpy(buffer, input, length);
  input += length;
  return length;
}

static struct log in, out, err;

static w2n_config streams(void) {
  w2n_config config = {.size = sizeof config};
  config.input.kind = config.output.kind = config.error.kind = W2N_STREAM_CALLBACK;
  config.input.read = give, config.input.data = &in;
  config.output.write = config.error.write = take;
  config.output.data = &out, config.error.data = &err;
  return config;
}

static void put(void *data) { *(int *)data = config_put(1, 1, 1); }
static void beyond(void *data) { *(int *)data = config_put_beyond(1); }
static void configure_late(void *data) { *(int *)data = config_configure(0); }

static void check_streams(void) {
  w2n_trap trap;
  int error = 0;
  in = out = err = (struct log){0};
  memcpy(memory + 1024, "to the host", 11);
  EXPECT(config_put(1, 7, 4), 0);
  EXPECT(word(16), 11);
  EXPECT(config_put(2, 2, 0), 0);
  EXPECT_TEXT(out.text, "to the host");
  EXPECT_TEXT(err.text, "to");
  EXPECT(out.n_calls, 2);
  /* A host that takes less: what is left is for the next call. */
  out = (struct log){.most = 3};
  EXPECT(config_put(1, 7, 4), 0);
  EXPECT(word(16), 3);
  /* An error after some bytes waits; an error of no number, and too large a number, is an error of input and output. */
  out = (struct log){.most = 1, .error = -ENOSPC};
  EXPECT(config_put(1, 7, 4), 0);
  EXPECT(word(16), 7);
  EXPECT(config_put(1, 7, 4), 51);
  out = (struct log){.error = -1000000};
  EXPECT(config_put(1, 7, 4), 29);
  out = (struct log){.error = 1000};
  EXPECT(config_put(1, 7, 4), 29);
  EXPECT(config_put(1, 0, 0), 0);
  /* A trap of the host's ends the call, as often as it likes, and holds nothing. */
  for (int i = 0; i < 1000; i++) {
    out = (struct log){.raises = 1};
    EXPECT(w2n_try(put, &error, &trap), W2N_TRAP_HOST);
    EXPECT_TEXT(trap.message, "not this");
  }
  out = (struct log){0};
  /* No byte is written if one lies beyond the memory. */
  EXPECT(w2n_try(beyond, &error, &trap), W2N_TRAP_WASI);
  EXPECT(out.n_calls, 0);

  in = (struct log){0}, input = "some words\n";
  EXPECT(config_get(0, 4, 100), 0);
  EXPECT(word(16), 4);
  EXPECT(memcmp(memory + 1024, "some", 4), 0);
  EXPECT(in.n_calls, 1);
  in.error = -EINTR;
  EXPECT(config_get(0, 100, 100), 0);
  EXPECT(word(16), 7);
  EXPECT(config_get(0, 100, 100), 0);
  EXPECT(word(16), 0);
  in.error = -EAGAIN;
  EXPECT(config_get(0, 100, 100), 6);
  EXPECT(config_get(1, 1, 1), 8);
  EXPECT(config_put(0, 1, 1), 8);
  in.error = 0;

  /* They look like pipes. */
  for (int fd = 0; fd < 3; fd++) {
    const unsigned char wanted[] = {70, 70, fd ? 8 : 70, fd ? 70 : 8, 70, fd ? 76 : 8, 57, 54};
    config_position(fd);
    for (int i = 0; i < 8; i++) EXPECT((unsigned char)memory[64 + i], wanted[i]);
    EXPECT(config_fdstat(fd), 0);
    EXPECT(memory[64], 0);
    EXPECT(word(66) & 0xffff, 0);
    EXPECT(word(72) & 0x46, fd ? 0x40 : 0x02);
    EXPECT(config_filestat(fd), 0);
    EXPECT(memory[80], 0);
    EXPECT(config_sync(fd), 0);
    EXPECT(config_set_flags(fd, 4), 0);
    EXPECT(config_fdstat(fd), 0);
    EXPECT(word(66) & 0xffff, 4);
    EXPECT(config_set_flags(fd, 0), 0);
    EXPECT(config_poll(fd, fd ? 2 : 1), 0);
    EXPECT(word(16), 1);
    EXPECT(word(72) & 0xffff, 0);
  }
  /* Another number for one, and then it is closed. */
  err = (struct log){0}, out = (struct log){0};
  memcpy(memory + 1024, "abc", 3);
  EXPECT(config_renumber(2, 1), 0);
  EXPECT(config_put(1, 1, 1), 0);
  EXPECT(config_put(2, 1, 1), 8);
  EXPECT_TEXT(err.text, "ab");
  EXPECT_TEXT(out.text, "");
  EXPECT(config_close(1), 0);
  EXPECT(config_put(1, 1, 1), 8);
}

/* Opens "f" below the first directory, for reading or for writing too; the error. */
static int open_f(int may_write) {
  memcpy(memory + 1024, "f", 1);
  return config_open(3, 1, 0, may_write ? 0x42 : 0x02);
}

static int next_descriptor(void) {
  int next = open("/", O_RDONLY);
  close(next);
  return next;
}

static void check_all(int directory) {
  const char *arguments[] = {"program", "one", "", "\xff two", NULL};
  const char *environment[] = {"A=1", "B=", "A=2=3", NULL};
  w2n_directory directories[] = {{.host = "other", .guest = "/files"}, {.guest = "/by/number", .descriptor = directory, .read_only = 1}};
  w2n_config config = streams();
  config.flags = W2N_CONFIG_RESTART;
  config.arguments = arguments, config.environment = environment;
  config.directories = directories, config.n_directories = 2;
  config.max_memory = 20 * 65536;
  EXPECT(config_calls(), 1);
  EXPECT(config_configure(&config), 0);
  /* The host's own may be gone. */
  directories[0].guest = 0, arguments[1] = 0, environment[0] = "C=1";
  EXPECT(close(directory), 0);
  EXPECT(config_calls(), 1);
  for (int round = 0; round < 3; round++) {
    const int first = next_descriptor();
    EXPECT(config_arguments(), 4);
    EXPECT_TEXT(list(4), "program,one,,\xff two,");
    EXPECT(config_variables(), 2);
    EXPECT_TEXT(list(2), "A=2=3,B=,");
    EXPECT(config_directory(3), 0);
    EXPECT(memcmp(memory + 1024, "/files", 6), 0);
    EXPECT(config_directory(4), 0);
    EXPECT(memcmp(memory + 1024, "/by/number", 10), 0);
    EXPECT(config_directory(5), 8);
    EXPECT(open_f(1), 0);
    EXPECT(config_get(word(16), 5, 0), 0);
    EXPECT(memcmp(memory + 1024, "other", 5), 0);
    EXPECT(config_renumber(4, 3), 0);
    EXPECT(open_f(1), 69);
    EXPECT(open_f(0), 0);
    EXPECT(config_memory_grow(19), 1);
    EXPECT(config_memory_grow(1), -1);
    check_streams();
    EXPECT(config_reset(), 0);
    EXPECT(next_descriptor(), first);
  }
}

static void check_wrong(void) {
  w2n_trap trap;
  int result = 0;
  const char *const no_value[] = {"A", NULL};
  const w2n_directory missing = {.host = "missing"}, process = {.host = "/proc", .guest = "p"}, nameless = {.host = ""},
                      closed = {.guest = "x", .descriptor = -1}, file = {.guest = "x", .descriptor = 1};
  const w2n_directory *const wrong[] = {&missing, &process, &nameless, &closed, &file};
  w2n_config config = {.size = sizeof config - 1};
  fflush(stdout);
  EXPECT(config_configure(&config), W2N_TRAP_FAILURE);
  config.size = sizeof config, config.flags = 2;
  EXPECT(config_configure(&config), W2N_TRAP_FAILURE);
  struct { w2n_config config; char more; } newer = {{.size = sizeof newer}, 1};
  EXPECT(config_configure(&newer.config), W2N_TRAP_FAILURE);
  config.flags = 0, config.environment = no_value;
  EXPECT(config_configure(&config), W2N_TRAP_FAILURE);
  config.environment = 0, config.input.kind = 7;
  EXPECT(config_configure(&config), W2N_TRAP_FAILURE);
  config.input.kind = W2N_STREAM_CALLBACK;
  EXPECT(config_configure(&config), W2N_TRAP_FAILURE);
  config.input.kind = W2N_STREAM_DESCRIPTOR, config.input.descriptor = 99;
  EXPECT(config_configure(&config), W2N_TRAP_FAILURE);
  config.input.kind = 0;
  for (int i = 0; i < 5; i++) {
    config.directories = wrong[i], config.n_directories = 1;
    EXPECT(config_configure(&config), W2N_TRAP_FAILURE);
  }
  config.n_directories = 0;
  EXPECT(config_configure(&config), 0);
  newer.more = 0;
  EXPECT(config_configure(&newer.config), 0);
  EXPECT(config_configure(0), 0);
  memory = config_memory();
  EXPECT(config_variables(), 1);
  EXPECT_TEXT(list(1), "BUILT=in,");
  EXPECT(config_directory(3), 0);
  EXPECT(config_arguments(), 1);
  EXPECT_TEXT(list(1), "config,");
  /* Too late; in w2n_try the message is in the trap. */
  EXPECT(config_configure(0), W2N_TRAP_FAILURE);
  EXPECT(w2n_try(configure_late, &result, &trap), W2N_TRAP_FAILURE);
  EXPECT(result, 0);
  EXPECT_TEXT(trap.message,
              "library `config` can't be configured: it was used before (W2N_CONFIG_RESTART lets it begin again)");
}

/* Streams that are descriptors of the host's, or nothing. */
static void check_descriptors(void) {
  int ends[2];
  char text[20] = "";
  w2n_config config = {.size = sizeof config, .flags = W2N_CONFIG_RESTART};
  EXPECT(pipe(ends), 0);
  config.input.kind = W2N_STREAM_NULL, config.error.kind = W2N_STREAM_NULL;
  config.output.kind = W2N_STREAM_DESCRIPTOR, config.output.descriptor = ends[1];
  EXPECT(config_configure(&config), 0);
  EXPECT(config_get(0, 5, 5), 0);
  EXPECT(word(16), 0);
  EXPECT(config_put(2, 5, 5), 0);
  EXPECT(word(16), 10);
  memcpy(memory + 1024, "piped", 5);
  EXPECT(config_put(1, 5, 0), 0);
  EXPECT(config_close(1), 0);
  EXPECT(config_put(1, 5, 0), 8);
  EXPECT(close(ends[1]), 0);
  EXPECT(read(ends[0], text, 20), 5);
  EXPECT_TEXT(text, "piped");
  EXPECT(read(ends[0], text, 20), 0);
}

int main(void) {
  const int directory = open("data", O_RDONLY | O_DIRECTORY);
  check_wrong();
  check_all(directory);
  check_descriptors();
  printf("%d wrong\n", n_failed);
  return 0;
}
