// What handlers read from a request: JSON bodies and query parameters. Each failure is the answer that says so.
#pragma once

#include <boost/json.hpp>
#include <expected>
#include <optional>

#include "api/router.hpp"
#include "base/units.hpp"

namespace entropy::api {

template <class T>
using Read = std::expected<T, Response>;

// 415 for a content type other than JSON (none is fine), 400 for what is not JSON.
Read<boost::json::value> read_json(const Request& request);

Read<bool> read_flag(const Call& call, std::string_view name, bool otherwise);
Read<std::optional<std::uint64_t>> read_number(const Call& call, std::string_view name);

// RFC 3339, or a duration: so long ago, or so far ahead.
enum class Way { ago, ahead };
Read<std::optional<Time>> read_time(const Call& call, std::string_view name, Way way);

}  // namespace entropy::api
