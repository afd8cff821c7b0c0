// The injector's contact with the outside: standard input and output, signals, time and the backend's descriptors, in
// one poll loop. Nothing here blocks but the poll itself.
#pragma once

#include <poll.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "injector/injector.hpp"
#include "injector/line_queue.hpp"
#include "kernel/backend.hpp"
#include "program/line_splitter.hpp"

namespace entropy::injector {

// One per process: it takes over SIGTERM, SIGINT, SIGPIPE and both standard streams.
class Loop {
 public:
  // Where `backend` is an error, the injector lives on without one and says so.
  static Result<std::unique_ptr<Loop>> make(Result<std::unique_ptr<kernel::Backend>> backend, std::string version);

  // Until the injector is done; its exit code.
  int run();

 private:
  Loop(std::unique_ptr<kernel::Backend> backend, std::string version, std::string trouble);

  Result<> open();
  void wait();
  void arm_timer();
  timespec until_due() const;
  void read_signals();
  void read_commands();
  void write_reports();
  void write_last_reports();

  std::unique_ptr<kernel::Backend> backend_;
  SystemClock clock_;
  SystemSteadyClock steady_;
  LineQueue output_;
  Injector injector_;
  program::LineSplitter input_;
  Fd signals_;
  Fd timer_;
  Time timer_set_to_{};
  std::vector<pollfd> polled_;
  bool input_open_ = true;
  bool output_open_ = true;
};

}  // namespace entropy::injector
