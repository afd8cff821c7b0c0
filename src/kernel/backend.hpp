// The clean edge between what is wanted of the kernel and the way it is done (nftables with netem, or with
// user space).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernel/state.hpp"

namespace entropy::kernel {

// Owner of all of Entropy's state in the network namespace of the calling thread; everything it makes dies with it
// (nft tables with `flags owner`) or is harmless without it. One thread.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string name() const = 0;  // "userspace", "netem": the one that is in use now

  // Makes the namespace as `wanted` says and reads it back: success means that the kernel holds just that. Idempotent:
  // does nothing where it is so already. An empty state leaves nothing behind. After an error the namespace has been
  // made clean as far as possible; the message says what the kernel refused.
  virtual Result<> apply(const State& wanted) = 0;

  // What the kernel holds of ours now, dumped and decoded. For an empty answer there is no trace of us at all.
  virtual Result<State> read_back() = 0;

  virtual Result<Tally> counters() = 0;

  // What TCP sees here, whatever we do; empty where the kernel does not tell.
  virtual std::vector<TcpConnection> connections() = 0;

  // Interfaces that faults act on now ("eth0", ...).
  virtual std::vector<std::string> interfaces() = 0;

  // For the owner's poll loop. `file_descriptors` are to be polled for reading; `on_ready` handles whatever is
  // readable and whatever is due; `until_due` is the longest the owner may wait (nullopt: until something is readable).
  virtual std::vector<int> file_descriptors() const = 0;
  virtual void on_ready() = 0;
  virtual std::optional<Duration> until_due() const = 0;
};

// Each by trying; the error says what it lacks here.
Result<std::unique_ptr<Backend>> make_netem_backend();
Result<std::unique_ptr<Backend>> make_userspace_backend();

// netem, with user space for what netem can't do, or whichever works here. The error says what each one lacks.
Result<std::unique_ptr<Backend>> make_backend();

}  // namespace entropy::kernel
