// Traffic control over a socket: qdiscs read, made and removed, and the one link that goes with them.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "kernel/links.hpp"
#include "kernel/tc.hpp"

namespace entropy::kernel::tc {

// Rtnetlink in the namespace of the thread that opened it. One thread.
class TcSocket {
 public:
  static Result<TcSocket> open();

  // Whether this kernel has netem, prio and ifb, and we the right to use them; the error says what is missing. Loads
  // the modules and changes nothing.
  Result<> check_kernel(std::uint32_t loopback_index);

  // Whether it has one kind of qdisc.
  Result<> check_kind(std::string_view kind, std::string_view module, std::uint32_t loopback_index);

  Result<std::vector<Qdisc>> qdiscs();
  Result<> add(const Qdisc& qdisc);
  Result<> change(const Qdisc& qdisc);
  Result<> remove(const Qdisc& qdisc);  // fine if it, or its interface, is gone

  // The link of this name, which is made if it isn't there; up, and without addresses of its own.
  Result<std::uint32_t> make_ifb(std::string_view name);
  // Nullopt if there is none; an error if it is of another kind.
  Result<std::optional<Link>> find_ifb(std::string_view name);
  Result<> remove_link(std::uint32_t index);

 private:
  explicit TcSocket(NetlinkSocket socket) : socket_(std::move(socket)) {}
  Result<> request(const Writer& message, std::string_view what);

  NetlinkSocket socket_;
};

}  // namespace entropy::kernel::tc
