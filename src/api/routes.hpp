// The whole surface, as one table.
#pragma once

#include <span>

#include "api/router.hpp"

namespace entropy::api {

std::span<const Route> routes();

}  // namespace entropy::api
