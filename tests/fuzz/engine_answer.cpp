// Any answer of an engine becomes values that keep their promises, or an error that says whose fault it is.
#include <boost/json.hpp>

#include "check.hpp"
#include "docker/decode.hpp"

namespace entropy::fuzz {
namespace {

void check_container(const docker::Container& container) {
  require(!container.id.empty());
  require(container.name.find('/') == std::string::npos);
}

template <class T>
bool understood(const Result<T>& decoded) {
  if (decoded) return true;
  require(decoded.error().code == ErrorCode::protocol && !decoded.error().message.empty());
  return false;
}

}  // namespace

void check(std::string_view input) {
  if (const auto loaded = docker::decode_load(input); !loaded) require(!loaded.error().message.empty());
  if (const auto pulled = docker::decode_pull(input); !pulled) require(!pulled.error().message.empty());
  const auto answer = docker::parse_json(input);
  if (!understood(answer)) return require(docker::decode_message(input).empty());

  if (const auto containers = docker::decode_containers(*answer); understood(containers)) {
    require(containers->size() == answer->get_array().size());
    for (const auto& container : *containers) check_container(container);
  }
  if (const auto services = docker::decode_services(*answer); understood(services)) {
    for (const auto& service : *services) require(!service.id.empty());
  }
  if (const auto details = docker::decode_details(*answer); understood(details)) check_container(details->container);
  if (const auto id = docker::decode_created(*answer); understood(id)) require(!id->empty());
  understood(docker::decode_info(*answer));
  understood(docker::decode_usage(*answer));
  understood(docker::decode_image(*answer));
  understood(docker::decode_images(*answer));
  if (const auto event = docker::decode_event(*answer); understood(event) && event->time >= Time{}) {
    require(parse_rfc3339(to_rfc3339(event->time)).has_value() || event->time > *parse_rfc3339("9999-12-31T23:59:59Z"));
  }
}

}  // namespace entropy::fuzz
