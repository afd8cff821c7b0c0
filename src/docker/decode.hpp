// The engine's JSON to values. Pure functions that never throw: a missing field (or null) has its default, for engines
// leave out and add fields from version to version; a field of a wrong type is ErrorCode::protocol and is named.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "docker/engine.hpp"

namespace entropy::docker {

Result<boost::json::value> parse_json(std::string_view text);

Result<std::vector<Container>> decode_containers(const boost::json::value& answer);
Result<ContainerDetails> decode_details(const boost::json::value& answer);
Result<Usage> decode_usage(const boost::json::value& answer);
Result<std::string> decode_created(const boost::json::value& answer);  // the id
Result<EngineInfo> decode_info(const boost::json::value& answer);      // all but api_version
Result<std::vector<SwarmService>> decode_services(const boost::json::value& answer);
Result<Event> decode_event(const boost::json::value& answer);

Result<ImageDetails> decode_image(const boost::json::value& answer);
Result<std::vector<ImageDetails>> decode_images(const boost::json::value& answer);

// The bodies of POST /images/load and /images/create: a stream of progress that may end in an error.
Result<> decode_load(std::string_view body);
Result<> decode_pull(std::string_view body);

// What an error answer says: Docker's {"message": ...}, or nothing.
std::string decode_message(std::string_view body);

}  // namespace entropy::docker
