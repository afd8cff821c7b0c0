// A name server in one of a lab's namespaces, and a resolver in the target's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "kernel/lab.hpp"
#include "kernel/traffic.hpp"

namespace entropy::testing {

// Where it listens, and where the target asks it.
enum class Resolver { direct, direct6, docker };

// Every name has the address 10.0.0.3 and no IPv6 address; over UDP and TCP. As Docker's own (`docker`): in the
// target's namespace on lo at ports of its own choice, to which address translation brings what is for 127.0.0.11:53.
class NameServer {
 public:
  NameServer(const Lab& lab, Resolver where);
  ~NameServer();
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

 private:
  void serve();

  Fd datagrams_;
  Fd listener_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

struct LookUp {
  unsigned code = 0;
  std::vector<std::string> addresses = {};
  Milliseconds took{0};
};

enum class Over { udp, tcp };

// From a fresh socket; nullopt if no answer comes in time.
std::optional<LookUp> look_up(const Lab& lab, Resolver where, Over over, std::string_view name,
                              std::chrono::milliseconds timeout = 3s, std::uint16_t type = 1);

}  // namespace entropy::testing
