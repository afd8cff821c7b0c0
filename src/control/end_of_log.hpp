// What an injector has said last, whether or not anybody listened: its standard output is its container's log.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "docker/engine.hpp"
#include "program/report.hpp"

namespace entropy::control {

// The last lines of a container's log; ErrorCode::unsupported where its log driver can't be read.
docker::Task<std::string> end_of_log(docker::Engine& engine, std::string id, std::size_t lines);

// What of it is a whole report, in its order. Pure.
std::vector<program::Report> reports_in(std::string_view log);

}  // namespace entropy::control
