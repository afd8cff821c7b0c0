// What the history says of acts, and how their failure is kept in the store. Pure.
#pragma once

#include <string>
#include <string_view>

#include "control/act_plan.hpp"
#include "control/endpoint.hpp"
#include "failure/container.hpp"
#include "store/act_record.hpp"

namespace entropy::control {

// What is to be stored of an act before it is done, but for what its container was like.
store::ActRecord record_of(const DueAct& due);

// {"memory": {"limit": "64MiB"}}
Result<failure::ContainerFailure> read_act_failure(std::string_view text);

// "paused", "SIGTERM was sent", "limited to 0.2 CPUs"
std::string words_of(const failure::ContainerFailure& failure);
// Of a signal that did not end it.
std::string words_of_survival(const failure::ContainerFailure& failure);

// Of one that was not up and well by the window's end.
std::string words_of_no_return(const failure::ContainerFailure& failure);

// For how long it was down by the engine's own clock; none: that is not known.
std::optional<Duration> down_time(const CachedContainer& again);
// Who has brought it back: itself, or another container that took its place.
std::string words_of_return(const store::ActRecord& record, const failure::ContainerFailure& failure,
                            const CachedContainer& again, bool by_us);
// {"down": "1.2s", "well_after": "3.4s"}: the second where it has a HEALTHCHECK, from when it was up again.
std::string measured_return(const store::ActRecord& record, const CachedContainer& again, Time now);
// The first of them.
std::optional<Duration> measured_down(std::string_view measured);
std::string measured_json(std::optional<Duration> down, std::optional<Duration> well_after);

}  // namespace entropy::control
