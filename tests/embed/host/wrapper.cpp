// Two libraries as classes: traps are exceptions, memories are ranges, and a configuration has functions for streams.
#include "sum.hpp"

#include "config.hpp"

#include <cstdio>
#include <numeric>
#include <stdexcept>

using wasm2native::LibraryConfig;
using wasm2native::Sum;
using wasm2native::trap;

static void sums() {
  Sum sum;
  const wasm2native::span memory = sum.memory();
  memory.write<std::uint32_t>(0, 20);
  memory.write<std::uint32_t>(4, 22);
  std::printf("sum %d\n", sum.sum(0, 2));
  try {
    Sum second;
  } catch (const trap &reason) {
    std::printf("in use: %s\n", reason.message());
  }
  try {
    sum.divide(7, 0);
  } catch (const std::exception &reason) {
    const auto &it = dynamic_cast<const trap &>(reason);
    std::printf("trap %s %d\n", reason.what(), it.code());
    std::printf("%s\n", it.text().substr(0, it.text().find('\n')).c_str());
    if (it.report().n_frames != 1) std::printf("%d frames\n", static_cast<int>(it.report().n_frames));
  }
  try {
    sum.exit(3);
  } catch (const trap &reason) {
    std::printf("exit %d\n", reason.status());
  }
  const auto pair = sum.pair(7);
  std::printf("pair %d %d\n", pair.r0, static_cast<int>(pair.r1));
  const int32_t before = sum.counter();
  sum.set_counter(9);
  const int32_t set = sum.counter(), next = sum.next();
  std::printf("counter %d %d %d\n", before, set, next);
  const auto grow = [&](std::uint64_t pages) { return static_cast<int>(sum.memory_grow(pages)); };
  const int first = grow(1), then = grow(0);
  std::printf("pages %d %d %d\n", first, then, grow(100));
  std::uint64_t beyond = 0;
  const wasm2native::span grown = sum.memory();
  std::printf("bytes %zu %zu %d\n", grown.size(), grown.subspan(grown.size() - 1, 10).size(), grown.read(grown.size() - 7, beyond));
  sum.set_counter(9);
  sum.reset();
  std::printf("reset %d %zu\n", sum.counter(), sum.memory().size());
  sum.set_counter(9);
  const Sum moved = std::move(sum);
}

static const char *list(const wasm2native::span &memory, int count) {
  static std::string text;
  text.clear();
  for (std::size_t at = 1024; count > 0; at++) {
    if (memory[at] == 0) count--;
    text += memory[at] != 0 ? static_cast<char>(memory[at]) : ',';
  }
  return text.c_str();
}

static std::uint32_t word(const wasm2native::span &memory, std::size_t at) {
  std::uint32_t value = 0;
  memory.read(at, value);
  return value;
}

static void put(LibraryConfig &library, int stream, std::string_view text) {
  std::copy(text.begin(), text.end(), library.memory().begin() + 1024);
  library.put(stream, static_cast<int32_t>(text.size()), 0);
}

static void configures() {
  std::string seen;
  wasm2native::config configuration;
  configuration.args({"program", "one"}).env("A", "b").dir("data", "/data", true).input("words");
  configuration.output([&seen](std::string_view bytes) { seen += bytes; });
  configuration.error([](std::string_view) { throw std::runtime_error("not today"); });
  configuration.max_memory(2 * 65536).max_table(100).user_data(&seen);
  {
    LibraryConfig library(configuration);
    const int n_arguments = library.arguments();
    std::printf("arguments %d %s\n", n_arguments, list(library.memory(), n_arguments));
    const int n_variables = library.variables();
    std::printf("variables %d %s\n", n_variables, list(library.memory(), n_variables));
    library.reset();
    put(library, 1, "to the host");
    std::printf("output `%s`\n", seen.c_str());
    library.get(0, 100, 100);
    const std::uint32_t count = word(library.memory(), 16);
    std::printf("input %u %.5s\n", count, reinterpret_cast<const char *>(library.memory().data()) + 1024);
    std::printf("error %d %d\n", library.put(2, 1, 1), library.directory(3));
  }
  LibraryConfig library = LibraryConfig::create(wasm2native::config().no_dirs().no_stream(1).stream_to(2, 1));
  std::printf("none %d\n", library.directory(3));
  std::fflush(stdout);
}

int main() {
  sums();
  std::printf("again %d\n", Sum().counter());
  configures();
  try {
    LibraryConfig library(wasm2native::config().dir("missing", "x"));
  } catch (const trap &reason) {
    const std::string message = reason.message();
    std::printf("late: %s\n", message.substr(message.find("cannot"), 31).c_str());
  }
  return 0;
}
