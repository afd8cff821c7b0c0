// The network interfaces of this namespace, and word of their changes: rtnetlink(7).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/netlink.hpp"

namespace entropy::kernel {

struct Link {
  std::uint32_t index = 0;
  std::string name;
  std::string kind;  // "veth", "ifb"; empty for hardware and `lo`
  std::uint32_t mtu = 0;
  bool up = false;
  bool loopback = false;
  bool operator==(const Link&) const = default;
};

void write_link_dump(Writer& out);
// Every link in the answer to a dump.
std::vector<Link> decode_links(View answer);

// One thread.
class LinkWatch {
 public:
  static Result<LinkWatch> open();

  int fd() const { return events_.fd(); }
  // Whether anything has been told since the last call. It says that, not what: ask `links`.
  bool changed();
  Result<std::vector<Link>> links();

 private:
  LinkWatch(NetlinkSocket events, NetlinkSocket requests)
      : events_(std::move(events)), requests_(std::move(requests)) {}

  NetlinkSocket events_;
  NetlinkSocket requests_;
};

}  // namespace entropy::kernel
