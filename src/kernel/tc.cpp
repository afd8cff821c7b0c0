#include "kernel/tc.hpp"

#include <linux/gen_stats.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "kernel/delay_line.hpp"

namespace entropy::kernel::tc {
namespace {

constexpr std::uint64_t boundless_rate = 12'500'000'000;  // bytes a second: 100 Gbit/s
constexpr std::size_t table_size = 4096;
constexpr double table_scale = NETEM_DIST_SCALE;
constexpr std::string_view prio_kind = "prio";
constexpr std::string_view netem_kind = "netem";
constexpr std::string_view tbf_kind = "tbf";
constexpr unsigned tick_shift = 6;  // a tick of the packet scheduler is 64 ns

tcmsg head_of(const Qdisc& qdisc) {
  tcmsg head = {};
  head.tcm_family = AF_UNSPEC;
  head.tcm_ifindex = static_cast<int>(qdisc.device);
  head.tcm_handle = qdisc.handle;
  head.tcm_parent = qdisc.parent;
  return head;
}

// A family's own struct followed by attributes, all in one attribute; without the flag for nesting, as tc does.
void put_options(Writer& out, const Prio& prio) {
  tc_prio_qopt options = {};  // every priority to the first band
  options.bands = static_cast<int>(prio.bands);
  out.put(TCA_OPTIONS, bytes_of(options));
}

template <class T>
void append_attribute(Bytes& to, std::uint16_t type, const T& value) {
  Writer out;
  out.begin(0, 0, {});
  out.put(type, value);
  const View attribute = out.bytes().subspan(sizeof(nlmsghdr));
  to.insert(to.end(), attribute.begin(), attribute.end());
}

void append_model(Bytes&, std::monostate) {}
void append_model(Bytes& to, const NetemGilbertElliott& model) {
  const tc_netem_gemodel chances = {model.p, model.r, model.h, model.lost_when_good};
  Bytes nested;
  append_attribute(nested, NETEM_LOSS_GE, bytes_of(chances));
  append_attribute(to, TCA_NETEM_LOSS, View(nested));
}
void append_model(Bytes& to, const NetemMarkov& model) {
  const tc_netem_gimodel chances = {model.p13, model.p31, model.p32, model.p14, model.p23};
  Bytes nested;
  append_attribute(nested, NETEM_LOSS_GI, bytes_of(chances));
  append_attribute(to, TCA_NETEM_LOSS, View(nested));
}

void put_options(Writer& out, const Netem& netem) {
  tc_netem_qopt fixed = {};
  fixed.limit = netem.limit;
  fixed.gap = netem.gap;
  fixed.loss = netem.loss;
  const View start = bytes_of(fixed);
  Bytes options(start.begin(), start.end());
  const std::int64_t latency = netem.latency.count();
  const std::int64_t jitter = netem.jitter.count();
  const tc_netem_corr correlations = {};
  const tc_netem_reorder reorder = {netem.ahead, netem.correlation};
  const tc_netem_corrupt corrupt = {netem.corrupt, 0};
  tc_netem_rate rate = {};
  if (netem.in_order) rate.rate = std::numeric_limits<std::uint32_t>::max();
  // What isn't sent stays as it was when a qdisc is changed: everything is sent.
  append_attribute(options, TCA_NETEM_CORR, bytes_of(correlations));
  append_attribute(options, TCA_NETEM_REORDER, bytes_of(reorder));
  append_attribute(options, TCA_NETEM_CORRUPT, bytes_of(corrupt));
  append_attribute(options, TCA_NETEM_RATE, bytes_of(rate));
  std::visit([&](const auto& model) { append_model(options, model); }, netem.model);
  if (netem.in_order) append_attribute(options, TCA_NETEM_RATE64, bytes_of(boundless_rate));
  append_attribute(options, TCA_NETEM_LATENCY64, bytes_of(latency));
  append_attribute(options, TCA_NETEM_JITTER64, bytes_of(jitter));
  if (jitter > 0) {
    const auto table = distribution_table(netem.distribution);
    append_attribute(options, TCA_NETEM_DELAY_DIST,
                     View(reinterpret_cast<const std::uint8_t*>(table.data()), table.size() * sizeof table[0]));
  }
  out.put(TCA_OPTIONS, options);
}

void put_options(Writer& out, const Tbf& tbf) {
  tc_tbf_qopt parameters = {};
  parameters.rate.rate = static_cast<std::uint32_t>(std::min<std::uint64_t>(tbf.rate, UINT32_MAX));
  parameters.rate.linklayer = TC_LINKLAYER_ETHERNET;
  parameters.rate.overhead = static_cast<unsigned short>(tbf.overhead);
  parameters.limit = tbf.limit;
  out.nest(TCA_OPTIONS, [&] {
    out.put(TCA_TBF_PARMS, bytes_of(parameters));
    out.put(TCA_TBF_BURST, bytes_of(tbf.burst));
    if (tbf.rate > UINT32_MAX) out.put(TCA_TBF_RATE64, bytes_of(tbf.rate));
  });
}

void put_options(Writer&, std::monostate) {}

void put_qdisc(Writer& out, std::uint16_t flags, const Qdisc& qdisc) {
  out.begin(RTM_NEWQDISC, static_cast<std::uint16_t>(NLM_F_ACK | flags), bytes_of(head_of(qdisc)));
  out.text(TCA_KIND, qdisc.kind);
  std::visit([&](const auto& options) { put_options(out, options); }, qdisc.options);
}

std::optional<Prio> decode_prio(View value) {
  const auto options = read_struct<tc_prio_qopt>(value);
  if (!options || options->bands < 0) return std::nullopt;
  if (std::ranges::any_of(options->priomap, [](std::uint8_t band) { return band != 0; })) return std::nullopt;
  return Prio{static_cast<unsigned>(options->bands)};
}

template <class T>
std::optional<T> find_struct(View attributes, std::uint16_t type) {
  const auto value = find(attributes, type);
  return value ? read_struct<T>(*value) : std::nullopt;
}

std::optional<Tbf> decode_tbf(View attributes) {
  const auto parameters = find_struct<tc_tbf_qopt>(attributes, TCA_TBF_PARMS);
  if (!parameters || parameters->peakrate.rate != 0) return std::nullopt;
  const std::uint64_t rate = find_struct<std::uint64_t>(attributes, TCA_TBF_RATE64).value_or(parameters->rate.rate);
  Tbf tbf{rate, 0, parameters->limit, parameters->rate.overhead};
  // What was written says it in bytes, the kernel in ticks.
  if (const auto burst = find_struct<std::uint32_t>(attributes, TCA_TBF_BURST)) {
    tbf.burst = *burst;
  } else {
    const double seconds = static_cast<double>(std::uint64_t{parameters->buffer} << tick_shift) / 1e9;
    const double bytes = seconds * static_cast<double>(rate) - tbf.overhead;
    tbf.burst = static_cast<std::uint32_t>(std::clamp(bytes, 0.0, static_cast<double>(UINT32_MAX)));
  }
  return tbf;
}

NetemModel decode_model(View attributes) {
  const View nested = find(attributes, TCA_NETEM_LOSS).value_or(View{});
  if (const auto ge = find_struct<tc_netem_gemodel>(nested, NETEM_LOSS_GE)) {
    return NetemGilbertElliott{ge->p, ge->r, ge->h, ge->k1};
  }
  if (const auto gi = find_struct<tc_netem_gimodel>(nested, NETEM_LOSS_GI)) {
    return NetemMarkov{gi->p13, gi->p31, gi->p32, gi->p14, gi->p23};
  }
  return {};
}

// Nullopt where it does anything that we don't ask for.
std::optional<Netem> decode_netem(View value) {
  const auto fixed = read_struct<tc_netem_qopt>(value);
  const View attributes = attributes_behind(value, sizeof(tc_netem_qopt));
  const auto latency = find_struct<std::int64_t>(attributes, TCA_NETEM_LATENCY64);
  const auto jitter = find_struct<std::int64_t>(attributes, TCA_NETEM_JITTER64);
  if (!fixed || !latency || !jitter) return std::nullopt;
  const auto corrupt = find_struct<tc_netem_corrupt>(attributes, TCA_NETEM_CORRUPT).value_or(tc_netem_corrupt{});
  const auto reorder = find_struct<tc_netem_reorder>(attributes, TCA_NETEM_REORDER).value_or(tc_netem_reorder{});
  if (fixed->duplicate != 0 || corrupt.correlation != 0) return std::nullopt;
  const auto rate = find_struct<tc_netem_rate>(attributes, TCA_NETEM_RATE).value_or(tc_netem_rate{});
  const bool in_order = find_struct<std::uint64_t>(attributes, TCA_NETEM_RATE64) == boundless_rate;
  if (rate.rate != 0 && !in_order) return std::nullopt;
  Netem netem;
  netem.latency = Nanoseconds(*latency);
  netem.jitter = Nanoseconds(*jitter);
  netem.limit = fixed->limit;
  netem.gap = fixed->gap;
  netem.ahead = reorder.probability;
  netem.correlation = reorder.correlation;
  netem.loss = fixed->loss;
  netem.corrupt = corrupt.probability;
  netem.model = decode_model(attributes);
  netem.in_order = in_order;
  return netem;
}

gnet_stats_queue queue_statistics(View attributes) {
  const View statistics = find(attributes, TCA_STATS2).value_or(View{});
  return find_struct<gnet_stats_queue>(statistics, TCA_STATS_QUEUE).value_or(gnet_stats_queue{});
}

std::optional<Qdisc> decode_qdisc(const Message& message) {
  const auto head = read_struct<tcmsg>(message.payload);
  if (message.type != RTM_NEWQDISC || !head) return std::nullopt;
  const View attributes = attributes_behind(message.payload, sizeof(tcmsg));
  auto kind = find_text(attributes, TCA_KIND);
  if (!kind) return std::nullopt;
  const auto statistics = queue_statistics(attributes);
  Qdisc qdisc = {static_cast<std::uint32_t>(head->tcm_ifindex),
                 head->tcm_handle,
                 head->tcm_parent,
                 *kind,
                 {},
                 statistics.qlen,
                 statistics.drops};
  const View options = find(attributes, TCA_OPTIONS).value_or(View{});
  if (*kind == prio_kind) {
    if (const auto prio = decode_prio(options)) qdisc.options = *prio;
  } else if (*kind == netem_kind) {
    if (const auto netem = decode_netem(options)) qdisc.options = *netem;
  } else if (*kind == tbf_kind) {
    if (const auto tbf = decode_tbf(options)) qdisc.options = *tbf;
  }
  return qdisc;
}

ifinfomsg link_head(std::uint32_t index) {
  ifinfomsg head = {};
  head.ifi_index = static_cast<int>(index);
  return head;
}

}  // namespace

std::string handle_text(std::uint32_t handle) {
  std::array<char, 16> text = {};
  const auto end = std::to_chars(text.begin(), text.end(), handle >> 16, 16).ptr;
  return std::string(text.begin(), end) + ":";
}

std::vector<std::int16_t> distribution_table(Distribution distribution) {
  std::vector<std::int16_t> table;
  table.reserve(table_size);
  for (std::size_t i = 0; i < table_size; ++i) {
    const double value = quantile(distribution, (static_cast<double>(i) + 0.5) / table_size) * table_scale;
    constexpr double most = std::numeric_limits<std::int16_t>::max();
    table.push_back(static_cast<std::int16_t>(std::lround(std::clamp(value, -most, most))));
  }
  return table;
}

void add_qdisc(Writer& out, const Qdisc& qdisc) { put_qdisc(out, NLM_F_CREATE, qdisc); }

void change_qdisc(Writer& out, const Qdisc& qdisc) { put_qdisc(out, 0, qdisc); }

void delete_qdisc(Writer& out, const Qdisc& qdisc) { out.begin(RTM_DELQDISC, NLM_F_ACK, bytes_of(head_of(qdisc))); }

void dump_qdiscs(Writer& out) {
  const tcmsg head = {};
  out.begin(RTM_GETQDISC, NLM_F_DUMP, bytes_of(head));
}

std::vector<Qdisc> decode_qdiscs(View answer) {
  std::vector<Qdisc> qdiscs;
  while (const auto message = next_message(answer)) {
    if (auto qdisc = decode_qdisc(*message)) qdiscs.push_back(std::move(*qdisc));
  }
  return qdiscs;
}

void add_link(Writer& out, std::string_view name, std::string_view kind) {
  out.begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, bytes_of(link_head(0)));
  out.text(IFLA_IFNAME, name);
  out.nest(IFLA_LINKINFO, [&] { out.text(IFLA_INFO_KIND, kind); });
}

void disable_address_generation(Writer& out, std::uint32_t index) {
  out.begin(RTM_SETLINK, NLM_F_ACK, bytes_of(link_head(index)));
  const std::uint8_t none = IN6_ADDR_GEN_MODE_NONE;
  out.nest(IFLA_AF_SPEC, [&] { out.nest(AF_INET6, [&] { out.put(IFLA_INET6_ADDR_GEN_MODE, bytes_of(none)); }); });
}

void set_up(Writer& out, std::uint32_t index) {
  ifinfomsg head = link_head(index);
  head.ifi_flags = IFF_UP;
  head.ifi_change = IFF_UP;
  out.begin(RTM_NEWLINK, NLM_F_ACK, bytes_of(head));
}

void delete_link(Writer& out, std::uint32_t index) { out.begin(RTM_DELLINK, NLM_F_ACK, bytes_of(link_head(index))); }

void try_qdisc_kind(Writer& out, std::uint32_t device, std::string_view kind) {
  out.begin(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE, bytes_of(head_of({device, 0, root_parent, {}, {}, 0, 0})));
  out.text(TCA_KIND, kind);
  const std::uint8_t too_short = 0;  // for any kind's options
  out.put(TCA_OPTIONS, bytes_of(too_short));
}

void try_link_kind(Writer& out, std::string_view kind) {
  out.begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, bytes_of(link_head(0)));
  const std::array<std::uint8_t, 6> no_address = {};  // no interface may have it
  out.put(IFLA_ADDRESS, View(no_address));
  out.nest(IFLA_LINKINFO, [&] { out.text(IFLA_INFO_KIND, kind); });
}

}  // namespace entropy::kernel::tc
