#include <gmock/gmock.h>

#include "failure/container.hpp"

namespace entropy::failure {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string message_of(std::string_view name, const Params& params) {
  const auto failure = parse(name, params);
  return failure ? "accepted" : failure.error().message;
}

TEST(Failure, ReadsParameters) {
  const auto latency = parse("latency", {{"delay", "250ms"}, {"jitter", "50ms"}, {"distribution", "normal"}});
  ASSERT_TRUE(latency);
  const auto& value = std::get<Latency>(*latency);
  EXPECT_EQ(value.delay, Duration(250ms));
  EXPECT_EQ(value.jitter, Duration(50ms));
  EXPECT_EQ(value.distribution, Distribution::normal);
  EXPECT_EQ(value.filter.direction, Direction::egress);
}

TEST(Failure, PartitionCutsBothWaysByDefault) {
  EXPECT_EQ(std::get<Partition>(*parse("partition", {})).filter.direction, Direction::both);
}

TEST(Failure, KnowsAliases) {
  EXPECT_EQ(name_of(*parse("packet_loss", {{"percent", "10%"}})), "loss");
  EXPECT_EQ(name_of(*parse("network_partition", {})), "partition");
  EXPECT_EQ(name_of(*parse("reordering", {{"percent", "10"}})), "reorder");
  EXPECT_EQ(name_of(*parse("delay", {{"delay", "1ms"}})), "latency");
}

TEST(Failure, PrintsWhatItReads) {
  const std::vector<std::pair<std::string, Params>> cases = {
      {"latency", {{"delay", "1s500ms"}, {"correlation", "12.5"}, {"direction", "both"}}},
      {"loss", {{"percent", "0.1"}}},
      {"reorder", {{"percent", "25"}, {"delay", "20ms"}, {"gap", "5"}}},
      {"partition", {{"mode", "reject"}, {"direction", "ingress"}}},
      {"loss", {{"model.gilbert-elliott.p", "1"}, {"model.gilbert-elliott.k", "99.9"}}},
      {"loss", {{"model.markov.p13", "1"}, {"model.markov.p31", "40"}, {"direction", "both"}}},
      {"duplicate", {{"percent", "5"}, {"interfaces", "eth0"}, {"interfaces", "eth1"}}},
      {"corrupt", {{"percent", "0.5"}, {"ports", "80"}, {"ports", "8000-8010"}, {"protocol", "tcp"}}},
      {"rate", {{"rate", "1500kbit"}, {"burst", "64KiB"}, {"packet-overhead", "26"}}},
      {"partition",
       {{"peers", "service in (a, b)"}, {"peers", "10.0.0.0/24"}, {"peers", "db"}, {"exclude", "@name=web-*"}}},
      {"partition", {}}};
  for (const auto& [name, params] : cases) {
    const auto value = parse(name, params);
    ASSERT_TRUE(value) << name;
    EXPECT_EQ(print(*value), params);
    EXPECT_EQ(parse(name, print(*value)), *value);
  }
}

TEST(Failure, SaysWhatIsWrongAndTheWayOut) {
  EXPECT_THAT(message_of("latncy", {}), HasSubstr("did you mean \"latency\"?"));
  EXPECT_THAT(message_of("latency", {}), HasSubstr("latency needs delay"));
  EXPECT_THAT(message_of("latency", {{"delay", "100"}}), HasSubstr("us, ms, s, m, h or d"));
  EXPECT_THAT(message_of("latency", {{"dealy", "100ms"}}), HasSubstr("did you mean \"delay\"?"));
  EXPECT_THAT(message_of("latency", {{"dealy", "77ms"}}), HasSubstr("77ms"));
  EXPECT_THAT(message_of("latency", {{"delay", "0ms"}}), HasSubstr("does nothing"));
  EXPECT_THAT(message_of("latency", {{"delay", "1ms"}, {"jitter", "2ms"}}), HasSubstr("jitter is larger"));
  EXPECT_THAT(message_of("loss", {{"percent", "101"}}), HasSubstr("0..100"));
  EXPECT_THAT(message_of("loss", {{"percent", "1"}, {"correlation", "5"}}), HasSubstr("leave correlation out"));
  EXPECT_THAT(message_of("partition", {{"mode", "dorp"}}), HasSubstr("did you mean \"drop\"?"));
  EXPECT_THAT(message_of("latency", {{"delay", "1ms"}, {"delay", "2ms"}}), HasSubstr("twice"));
}

TEST(Failure, KnowsWhatAPeerIs) {
  for (const auto* text : {"service=db", "!tier", "@name=web", "tier in (a,b)", "tier notin (a)"}) {
    EXPECT_EQ(kind_of({text}), PeerKind::selector) << text;
  }
  for (const auto* text : {"10.0.0.3", "10.0.0.0/8", "fd00::/8", "::1"}) {
    EXPECT_EQ(kind_of({text}), PeerKind::network) << text;
  }
  for (const auto* text : {"db", "db-1.example.com"}) EXPECT_EQ(kind_of({text}), PeerKind::name) << text;
}

TEST(Failure, SaysWhatIsWrongWithAFilter) {
  const auto partition = [](const Params& params) { return message_of("partition", params); };
  EXPECT_THAT(partition({{"peers", "10.0.0.300"}}), HasSubstr("no selector (service=db), address"));
  EXPECT_THAT(partition({{"peers", "a,b"}}), HasSubstr("each entry of its own"));
  EXPECT_THAT(partition({{"peers", ""}}), HasSubstr("no selector"));
  EXPECT_THAT(partition({{"ports", "0"}}), HasSubstr("is no port"));
  EXPECT_THAT(partition({{"ports", "90-80"}}), HasSubstr("is no port"));
  EXPECT_THAT(partition({{"ports", "65536"}}), HasSubstr("is no port"));
  EXPECT_THAT(partition({{"protocol", "tpc"}}), HasSubstr("did you mean \"tcp\"?"));
  EXPECT_THAT(partition({{"interfaces", "lo"}}), HasSubstr("left alone"));
  EXPECT_THAT(partition({{"protocol", "tcp"}, {"protocol", "udp"}}), HasSubstr("twice"));
  EXPECT_THAT(partition({{"protocol", "icmp"}, {"ports", "80"}}), HasSubstr("icmp has no ports"));
  EXPECT_THAT(partition(Params(65, {"ports", "80"})), HasSubstr("more than 64"));
}

TEST(Failure, SaysWhatIsWrongWithAModelOrARate) {
  EXPECT_THAT(message_of("loss", {}), HasSubstr("give a percent"));
  EXPECT_THAT(message_of("loss", {{"percent", "1"}, {"model.markov.p13", "1"}}), HasSubstr("one of them"));
  EXPECT_THAT(message_of("loss", {{"model.gilbert-elliott.r", "1"}}), HasSubstr("give p"));
  EXPECT_THAT(message_of("loss", {{"model.markov.p31", "1"}}), HasSubstr("needs p13"));
  EXPECT_THAT(message_of("loss", {{"model.markov.p13", "60"}, {"model.markov.p14", "60"}}), HasSubstr("exceed 100%"));
  EXPECT_THAT(message_of("rate", {{"rate", "10"}}), HasSubstr("use bit, kbit, mbit or gbit"));
  EXPECT_THAT(message_of("rate", {{"rate", "1kbit"}}), HasSubstr("at least 8kbit"));
  EXPECT_THAT(message_of("rate", {{"rate", "1mbit"}, {"burst", "100"}}), HasSubstr("at least 2000"));
  EXPECT_THAT(message_of("duplicate", {{"percent", "1"}, {"correlation", "9"}}), HasSubstr("leave correlation out"));
}

TEST(Failure, ReadsFaultsOfNames) {
  const Params params = {{"names", "db"}, {"names", "*.example.com"}, {"delay", "200ms"}, {"answer", "fd00::9"}};
  const auto dns = parse("dns", params);
  ASSERT_TRUE(dns);
  EXPECT_EQ(print(*dns), params);
  const auto value = std::get<Dns>(*parse("dns", {{"names", "API.Example.com."}, {"answer", "nxdomain"}}));
  EXPECT_EQ(value.names, std::vector{NamePattern{"api.example.com"}});
  EXPECT_EQ(value.answer, (DnsAnswer{Denial::nxdomain, {}}));
  const auto refused = [](const Params& given) { return message_of("dns", given); };
  EXPECT_THAT(refused({}), HasSubstr("nothing happens"));
  EXPECT_THAT(refused({{"answer", "maybe"}}), HasSubstr("nxdomain, servfail, refused, none or an address"));
  EXPECT_THAT(refused({{"answer", "10.0.0.0/8"}}), HasSubstr("is no answer"));
  EXPECT_THAT(refused({{"answer", "none"}, {"delay", "1s"}}), HasSubstr("can't be late"));
  EXPECT_THAT(refused({{"delay", "2h"}}), HasSubstr("at most 1m"));
  for (const auto* name : {"a,b", "", "*", "a..b", "a.*.b", "*a", "http://db", "-"}) {
    const bool good = std::string_view(name) == "*" || std::string_view(name) == "-";
    EXPECT_EQ(parse("dns", {{"names", name}, {"delay", "1s"}}).has_value(), good) << name;
  }
  EXPECT_THAT(refused({{"direction", "both"}, {"delay", "1s"}}), HasSubstr("no parameter \"direction\""));
  EXPECT_EQ(filter_of(*dns), Filter{});
}

TEST(Failure, CollectsEveryError) {
  const auto failure = parse("reorder", {{"percnt", "1"}, {"delay", "x"}});
  ASSERT_FALSE(failure);
  EXPECT_EQ(failure.error().fields.size(), 3U);  // unknown, unreadable, missing
  EXPECT_EQ(parse("partition", Params(80, {"peers", "db"})).error().fields.size(), 1U) << "16 too many, said once";
}

TEST(Failure, TheCatalogueShowsDefaults) {
  const auto kind = find_kind("reorder");
  ASSERT_TRUE(kind);
  EXPECT_EQ((*kind)->parameters[1].name, "delay");
  EXPECT_EQ((*kind)->parameters[1].default_value, "10ms");
}

std::string container_message(std::string_view name, const Params& params) {
  const auto failure = parse_container(name, params);
  return failure ? "accepted" : failure.error().message;
}

TEST(ContainerFailure, PrintsWhatItReads) {
  const std::vector<std::pair<std::string, Params>> cases = {{"kill", {{"signal", "SIGHUP"}}},
                                                             {"stop", {{"grace", "3s"}}},
                                                             {"restart", {}},
                                                             {"pause", {}},
                                                             {"remove", {{"force", "true"}}},
                                                             {"remove", {{"force", "true"}, {"volumes", "true"}}},
                                                             {"cpu", {{"limit", "0.25"}}},
                                                             {"memory", {{"limit", "64MiB"}, {"force", "true"}}},
                                                             {"pids", {{"limit", "20"}}}};
  for (const auto& [name, params] : cases) {
    const auto value = parse_container(name, params);
    ASSERT_TRUE(value) << name << ": " << value.error().message;
    EXPECT_EQ(print(*value), params);
    EXPECT_TRUE(is_of_container(name));
  }
  for (const auto* text : {"9", "kill", "SIGKILL", "sigkill"})
    EXPECT_EQ(std::get<Kill>(*parse_container("kill", {{"signal", text}})).signal.text, "SIGKILL");
  EXPECT_FALSE(is_of_container("latency"));
  EXPECT_EQ(every_kind().size(), catalogue().size() + 8);
}

TEST(ContainerFailure, SaysWhatIsWrongAndTheWayOut) {
  EXPECT_THAT(container_message("kill", {{"signal", "SIGKIL"}}), HasSubstr("did you mean \"SIGKILL\"?"));
  EXPECT_THAT(container_message("kill", {{"signal", "STOP"}}), HasSubstr("use the failure pause"));
  EXPECT_THAT(container_message("remove", {}), HasSubstr("gone for good"));
  EXPECT_THAT(container_message("remove", {{"force", "false"}}), HasSubstr("can't be undone"));
  EXPECT_THAT(container_message("remove", {{"force", "yes"}}), HasSubstr("neither true nor false"));
  EXPECT_THAT(container_message("cpu", {{"limit", "half"}}), HasSubstr("as in 0.2"));
  EXPECT_THAT(container_message("cpu", {{"limit", "0"}}), HasSubstr("at least 0.01"));
  EXPECT_THAT(container_message("memory", {{"limit", "1MiB"}}), HasSubstr("at least 6MiB"));
  EXPECT_THAT(container_message("pids", {{"limit", "0"}}), HasSubstr("at least 1"));
  EXPECT_THAT(container_message("stop", {{"grace", "1h"}}), HasSubstr("at most 10m"));
  EXPECT_THAT(container_message("pause", {{"for", "1s"}}), HasSubstr("has no parameter"));
  EXPECT_THAT(find_any_kind("puase").error().message, HasSubstr("did you mean \"pause\"?"));
}

}  // namespace
}  // namespace entropy::failure
