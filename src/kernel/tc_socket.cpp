#include "kernel/tc_socket.hpp"

#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <tuple>

#include "base/text.hpp"

namespace entropy::kernel::tc {
namespace {

constexpr std::string_view ifb_kind = "ifb";

std::string described(const Qdisc& qdisc) {
  return concat(qdisc.kind, " ", handle_text(qdisc.handle), " on interface ", qdisc.device);
}

Error lacking(std::string_view kind, std::string_view module, int error) {
  if (error == EPERM) return errno_error("traffic control needs the capability NET_ADMIN", error);
  return {ErrorCode::unsupported, concat("this kernel has no ", kind, " (module ", module, ")"), {}};
}

}  // namespace

Result<TcSocket> TcSocket::open() {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return fail(socket.error());
  return TcSocket(std::move(*socket));
}

Result<> TcSocket::check_kernel(std::uint32_t loopback_index) {
  for (const auto& [kind, module] : {std::pair{"netem", "sch_netem"}, {"prio", "sch_prio"}}) {
    if (auto able = check_kind(kind, module, loopback_index); !able) return able;
  }
  Writer out;
  try_link_kind(out, ifb_kind);
  const auto refusal = socket_.request(out.bytes());
  if (!refusal) return fail(refusal.error());
  if (!*refusal || (*refusal)->error != EADDRNOTAVAIL) {
    return fail(lacking("ifb", "ifb", *refusal ? (*refusal)->error : 0));
  }
  return {};
}

Result<> TcSocket::check_kind(std::string_view kind, std::string_view module, std::uint32_t loopback_index) {
  Writer out;
  try_qdisc_kind(out, loopback_index, kind);
  const auto refusal = socket_.request(out.bytes());
  if (!refusal) return fail(refusal.error());
  const int error = *refusal ? (*refusal)->error : 0;
  // Anything but a complaint about the options would tell nothing of the kind.
  if (error != EINVAL) return fail(lacking(kind, module, error));
  return {};
}

Result<> TcSocket::request(const Writer& message, std::string_view what) {
  const auto refusal = socket_.request(message.bytes());
  if (!refusal) return fail(refusal.error());
  if (!*refusal) return {};
  auto error = errno_error(concat("the kernel refused ", what), (*refusal)->error);
  if (!(*refusal)->words.empty()) error.message += concat(" (", (*refusal)->words, ")");
  return fail(std::move(error));
}

Result<std::vector<Qdisc>> TcSocket::qdiscs() {
  Writer out;
  dump_qdiscs(out);
  const auto answer = socket_.dump(out.bytes());
  if (!answer) return fail(context("can't list qdiscs", answer.error()));
  return decode_qdiscs(*answer);
}

Result<> TcSocket::add(const Qdisc& qdisc) {
  Writer out;
  add_qdisc(out, qdisc);
  return request(out, described(qdisc));
}

Result<> TcSocket::change(const Qdisc& qdisc) {
  Writer out;
  change_qdisc(out, qdisc);
  return request(out, concat("a change of ", described(qdisc)));
}

Result<> TcSocket::remove(const Qdisc& qdisc) {
  Writer out;
  delete_qdisc(out, qdisc);
  auto removed = request(out, concat("the removal of ", described(qdisc)));
  if (!removed && removed.error().code == ErrorCode::not_found) return {};
  return removed;
}

Result<std::optional<Link>> TcSocket::find_ifb(std::string_view name) {
  Writer out;
  write_link_dump(out);
  const auto answer = socket_.dump(out.bytes());
  if (!answer) return fail(context("can't list network interfaces", answer.error()));
  const auto links = decode_links(*answer);
  const auto found = std::ranges::find(links, name, &Link::name);
  if (found == links.end()) return std::nullopt;
  if (found->kind != ifb_kind) {
    return fail(ErrorCode::conflict, concat("an interface ", name, " is in the way which Entropy did not make"));
  }
  return *found;
}

Result<std::uint32_t> TcSocket::make_ifb(std::string_view name) {
  auto link = find_ifb(name);
  if (link && !*link) {
    Writer out;
    add_link(out, name, ifb_kind);
    if (auto added = request(out, concat("the interface ", name)); !added) return fail(added.error());
    link = find_ifb(name);
  }
  if (!link) return fail(link.error());
  if (!*link) return fail(ErrorCode::internal, concat("the interface ", name, " is gone at once"));
  if ((*link)->up) return (*link)->index;
  Writer addresses;
  disable_address_generation(addresses, (*link)->index);
  std::ignore = socket_.request(addresses.bytes());  // refused where there is no IPv6: then it gets no address either
  Writer up;
  set_up(up, (*link)->index);
  if (auto done = request(up, concat("the interface ", name, " to be up")); !done) return fail(done.error());
  return (*link)->index;
}

Result<> TcSocket::remove_link(std::uint32_t index) {
  Writer out;
  delete_link(out, index);
  auto removed = request(out, concat("the removal of interface ", index));
  if (!removed && removed.error().code == ErrorCode::not_found) return {};
  return removed;
}

}  // namespace entropy::kernel::tc
