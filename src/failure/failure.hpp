// What can go wrong with a target's network: plain values. To add a failure: a struct with its `fields` in a pair of
// files beside this one, an alternative of `Failure`, a row in catalogue.cpp, an arm in injector/effects.cpp, tests.
#pragma once

#include <variant>

#include "failure/corrupt.hpp"
#include "failure/dns.hpp"
#include "failure/duplicate.hpp"
#include "failure/latency.hpp"
#include "failure/loss.hpp"
#include "failure/partition.hpp"
#include "failure/rate.hpp"
#include "failure/reorder.hpp"

namespace entropy::failure {

using Failure = std::variant<Latency, Loss, Reorder, Partition, Duplicate, Corrupt, RateLimit, Dns>;

}  // namespace entropy::failure
