// What a container was like before an act of ours, kept in the store, and the limits that follow from it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "docker/engine.hpp"
#include "failure/container.hpp"

namespace entropy::control {

struct Former {
  std::string started_at;  // of the start that the act is for
  std::string service;     // as of `service_key`
  docker::RestartPolicy restart;
  int restart_count = 0;
  docker::Limits limits;
};

std::string to_text(const Former& former);
Former former_from(std::string_view text);  // what is damaged is empty

// What to ask of the engine so that each of these, of one kind, is kept: the least of them. Only of limits.
docker::Limits limited(const docker::Limits& former, const std::vector<failure::ContainerFailure>& failures);
// What to ask of it so that the limit of this kind is the former one. Engines can't take a limit away once it is set:
// where there was none, it becomes the largest that the kernel knows.
docker::Limits restored(const docker::Limits& former, const failure::ContainerFailure& failure);
// Whether what was asked is in place.
bool in_place(const docker::Limits& now, const docker::Limits& asked);

// Why the limit would take nothing away; empty: it would.
std::string no_less(const docker::Limits& former, const failure::ContainerFailure& failure);

// Whether Docker would start a container of this restart policy again that has ended so.
bool starts_again(const Former& former, int exit_code);

}  // namespace entropy::control
