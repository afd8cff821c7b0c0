#include "base/process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/clock.hpp"

namespace entropy {
namespace {

const Time loaded = SystemClock().now();

Duration of(const timeval& time) { return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec); }

std::uint64_t entries_of(const char* folder) {
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) ++count;
  return count;
}

}  // namespace

ProcessFigures process_figures() {
  ProcessFigures figures;
  figures.started = loaded;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  figures.cpu_time = of(usage.ru_utime) + of(usage.ru_stime);
  std::ifstream statm("/proc/self/statm");
  statm >> figures.virtual_bytes >> figures.resident_bytes;  // pages
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  figures.virtual_bytes *= page;
  figures.resident_bytes *= page;
  figures.threads = entries_of("/proc/self/task");
  figures.open_files = entries_of("/proc/self/fd");
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur != RLIM_INFINITY) figures.most_open_files = limit.rlim_cur;
  return figures;
}

}  // namespace entropy
