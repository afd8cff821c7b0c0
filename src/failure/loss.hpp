// Packets get lost on the way: each with the same chance, or in bursts as one of two models of lines makes them.
#pragma once

#include "failure/filter.hpp"

namespace entropy::failure {

// A line that is now good, now bad: `p` and `r` are the chances to turn bad and good again, `h` and `k` those that a
// packet survives in the bad and in the good state (Gilbert 1960, Elliott 1963; tc-netem(8) asks for 1-h and 1-k).
struct GilbertElliott {
  std::optional<Percent> p;
  std::optional<Percent> r;  // 100 - p
  std::optional<Percent> h;  // 0
  std::optional<Percent> k;  // 100
  bool operator==(const GilbertElliott&) const = default;
};

// Four states: 1 all is well, 2 well within a burst, 3 lost within a burst, 4 a single loss; the chances to go from
// one to another (Salsano, Ludovici, Ordine 2009; "loss state" of tc-netem(8)).
struct Markov {
  std::optional<Percent> p13;
  std::optional<Percent> p31;  // 100 - p13
  std::optional<Percent> p32;  // 0
  std::optional<Percent> p23;  // 100
  std::optional<Percent> p14;  // 0
  bool operator==(const Markov&) const = default;
};

struct Loss {
  static constexpr std::string_view name = "loss";
  Percent percent{0};
  Percent correlation{0};
  GilbertElliott gilbert_elliott = {};
  Markov markov = {};
  Filter filter = {};
  bool operator==(const Loss&) const = default;

  static const std::vector<Field<Loss>>& fields();
  Result<> check() const;
};

}  // namespace entropy::failure
