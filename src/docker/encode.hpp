// What we send to an engine: targets and bodies of requests. Pure functions.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "docker/engine.hpp"

namespace entropy::docker {

// "/containers/{id}{rest}"
std::string container_target(std::string_view id, std::string_view rest);

// The path with a query of encoded values: "/x?a=1&b=2".
std::string with_query(std::string path, std::initializer_list<std::pair<std::string_view, std::string>> query);

// The value of `filters` that lists containers with all these labels; empty when there are none.
std::string label_filters(const std::vector<std::string>& labels);

// The target of POST /images/create that pulls an image: without a tag the engine would take every tag there is.
std::string pull_target(std::string_view reference);

// The body of POST /containers/create.
std::string encode(const ContainerSpec& spec);

// The body of POST /containers/{id}/update.
std::string encode(const Limits& limits);

}  // namespace entropy::docker
