#include <boost/json/value.hpp>

#include "base/text.hpp"
#include "base/url.hpp"
#include "docker/attach.hpp"
#include "docker/client.hpp"
#include "docker/decode.hpp"
#include "docker/encode.hpp"
#include "docker/frame_demux.hpp"
#include "docker/json_stream.hpp"

namespace entropy::docker {
namespace {

Request request(std::string method, std::string target, std::string body = {}) {
  Request made;
  made.method = std::move(method);
  made.target = std::move(target);
  made.body = std::move(body);
  if (!made.body.empty()) made.content_type = "application/json";
  return made;
}

class HttpEngine final : public Engine {
 public:
  HttpEngine(asio::any_io_executor executor, Address address, EngineOptions options)
      : client_(std::move(executor), std::move(address), std::move(options)) {}

  Task<> ping() override;
  Task<EngineInfo> info() override;
  Task<std::vector<Container>> list_containers(bool all, std::vector<std::string> labels) override;
  Task<ContainerDetails> inspect_container(std::string id) override;
  Task<std::string> create_container(ContainerSpec spec) override;
  Task<> start_container(std::string id) override;
  Task<> stop_container(std::string id, Duration grace) override;
  Task<> kill_container(std::string id, std::string signal) override;
  Task<> restart_container(std::string id, Duration grace) override;
  Task<> pause_container(std::string id) override;
  Task<> unpause_container(std::string id) override;
  Task<> update_container(std::string id, Limits limits) override;
  Task<Usage> container_usage(std::string id) override;
  Task<> remove_container(std::string id, bool volumes) override;
  Task<> logs(std::string id, bool follow, std::size_t tail, std::function<bool(std::string_view)> sink) override;
  Task<std::unique_ptr<AttachStream>> attach(std::string id) override;
  Task<bool> has_image(std::string reference) override;
  Task<ImageDetails> inspect_image(std::string reference) override;
  Task<std::vector<ImageDetails>> list_images(std::vector<std::string> labels) override;
  Task<> pull_image(std::string reference) override;
  Task<> load_image(std::string tar) override;
  Task<std::vector<SwarmService>> list_services() override;
  Task<> events(std::function<void()> on_open, std::function<void(Event)> on_event) override;

 private:
  // A call whose answer has no body that matters.
  Task<> act(Request request, Duration limit);
  // A call whose answer is one JSON value.
  Task<boost::json::value> ask(Request request);
  Task<> act(Request request) { return act(std::move(request), client_.options().call_timeout); }
  template <class T>
  Result<T> told(Result<T> result) const {
    if (!result) return fail(client_.about(std::move(result.error())));
    return result;
  }

  Client client_;
};

Task<> HttpEngine::act(Request request, Duration limit) {
  auto body = co_await client_.call(std::move(request), limit);
  if (!body) co_return fail(std::move(body.error()));
  co_return Result<>();
}

Task<boost::json::value> HttpEngine::ask(Request request) {
  auto body = co_await client_.call(std::move(request), client_.options().call_timeout);
  if (!body) co_return fail(std::move(body.error()));
  co_return told(parse_json(*body));
}

Task<> HttpEngine::ping() {
  auto version = co_await client_.negotiate();
  if (!version) co_return fail(std::move(version.error()));
  co_return Result<>();
}

Task<EngineInfo> HttpEngine::info() {
  auto answer = co_await ask(request("GET", "/info"));
  if (!answer) co_return fail(std::move(answer.error()));
  auto decoded = told(decode_info(*answer));
  if (decoded && client_.version()) decoded->api_version = to_string(*client_.version());
  co_return decoded;
}

Task<std::vector<Container>> HttpEngine::list_containers(bool all, std::vector<std::string> labels) {
  std::string target = with_query("/containers/json", {{"all", all ? "1" : "0"}});
  if (!labels.empty()) target += concat("&filters=", percent_encode(label_filters(labels)));
  auto answer = co_await ask(request("GET", std::move(target)));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return told(decode_containers(*answer));
}

Task<ContainerDetails> HttpEngine::inspect_container(std::string id) {
  auto answer = co_await ask(request("GET", container_target(id, "/json")));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return told(decode_details(*answer));
}

Task<std::string> HttpEngine::create_container(ContainerSpec spec) {
  std::string target = "/containers/create";
  if (!spec.name.empty()) target = with_query(std::move(target), {{"name", spec.name}});
  auto answer = co_await ask(request("POST", std::move(target), encode(spec)));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return told(decode_created(*answer));
}

Task<> HttpEngine::start_container(std::string id) { return act(request("POST", container_target(id, "/start"))); }

Task<> HttpEngine::stop_container(std::string id, Duration grace) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(grace).count();
  std::string target = with_query(container_target(id, "/stop"), {{"t", std::to_string(seconds)}});
  return act(request("POST", std::move(target)), client_.options().call_timeout + grace);
}

Task<> HttpEngine::kill_container(std::string id, std::string signal) {
  return act(request("POST", with_query(container_target(id, "/kill"), {{"signal", signal}})));
}

Task<> HttpEngine::restart_container(std::string id, Duration grace) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(grace).count();
  std::string target = with_query(container_target(id, "/restart"), {{"t", std::to_string(seconds)}});
  return act(request("POST", std::move(target)), client_.options().call_timeout + grace);
}

Task<> HttpEngine::pause_container(std::string id) { return act(request("POST", container_target(id, "/pause"))); }
Task<> HttpEngine::unpause_container(std::string id) { return act(request("POST", container_target(id, "/unpause"))); }

Task<> HttpEngine::update_container(std::string id, Limits limits) {
  return act(request("POST", container_target(id, "/update"), encode(limits)));
}

Task<Usage> HttpEngine::container_usage(std::string id) {
  auto answer =
      co_await ask(request("GET", with_query(container_target(id, "/stats"), {{"stream", "0"}, {"one-shot", "1"}})));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return told(decode_usage(*answer));
}

Task<> HttpEngine::remove_container(std::string id, bool volumes) {
  auto removed = co_await act(
      request("DELETE", with_query(container_target(id, ""), {{"force", "1"}, {"v", volumes ? "1" : "0"}})));
  const bool under_way = !removed && removed.error().code == ErrorCode::conflict &&
                         removed.error().message.find("already in progress") != std::string::npos;
  if (under_way) co_return Result<>();
  co_return removed;
}

Task<> HttpEngine::logs(std::string id, bool follow, std::size_t tail, std::function<bool(std::string_view)> sink) {
  std::string target =
      with_query(container_target(id, "/logs"), {{"stdout", "1"},
                                                 {"stderr", "1"},
                                                 {"follow", follow ? "1" : "0"},
                                                 {"tail", tail == whole_log ? "all" : std::to_string(tail)}});
  auto opened = co_await client_.open(request("GET", std::move(target)), client_.options().call_timeout);
  if (!opened) co_return fail(std::move(opened.error()));
  const auto connection = *opened;
  if (follow) connection->never_expires();
  FrameDemux demux;
  while (true) {
    auto bytes = co_await connection->read_some();
    if (!bytes) co_return fail(std::move(bytes.error()));
    if (bytes->empty()) break;
    std::string_view rest = *bytes;
    auto piece = demux.next(rest);
    for (; piece && *piece; piece = demux.next(rest)) {
      if (!sink((*piece)->bytes)) co_return Result<>();
    }
    if (!piece) co_return fail(client_.about(std::move(piece.error())));
  }
  if (!demux.at_boundary())
    co_return fail(client_.about({ErrorCode::unavailable, "the log was cut in the middle", {}}));
  co_return Result<>();
}

Task<std::unique_ptr<AttachStream>> HttpEngine::attach(std::string id) {
  Request upgrade = request("POST", container_target(id, "/attach?stream=1&stdin=1&stdout=1&stderr=1"));
  upgrade.upgrade = true;
  auto connection = co_await client_.open(std::move(upgrade), client_.options().call_timeout);
  if (!connection) co_return fail(std::move(connection.error()));
  co_return make_attach_stream(std::move(*connection), client_.options().call_timeout);
}

Task<bool> HttpEngine::has_image(std::string reference) {
  auto found = co_await act(request("GET", concat("/images/", percent_encode(reference), "/json")));
  if (!found && found.error().code == ErrorCode::not_found) co_return false;
  if (!found) co_return fail(std::move(found.error()));
  co_return true;
}

Task<ImageDetails> HttpEngine::inspect_image(std::string reference) {
  auto answer = co_await ask(request("GET", concat("/images/", percent_encode(reference), "/json")));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return told(decode_image(*answer));
}

Task<std::vector<ImageDetails>> HttpEngine::list_images(std::vector<std::string> labels) {
  auto answer = co_await ask(request("GET", with_query("/images/json", {{"filters", label_filters(labels)}})));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return told(decode_images(*answer));
}

Task<> HttpEngine::pull_image(std::string reference) {
  auto body = co_await client_.call(request("POST", pull_target(reference)), client_.options().pull_timeout);
  if (!body) co_return fail(std::move(body.error()));
  co_return told(decode_pull(*body));
}

Task<> HttpEngine::load_image(std::string tar) {
  Request load = request("POST", "/images/load?quiet=1", std::move(tar));
  load.content_type = "application/x-tar";
  auto body = co_await client_.call(std::move(load), client_.options().load_timeout);
  if (!body) co_return fail(std::move(body.error()));
  co_return told(decode_load(*body));
}

Task<std::vector<SwarmService>> HttpEngine::list_services() {
  auto answer = co_await ask(request("GET", "/services"));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return told(decode_services(*answer));
}

Task<> HttpEngine::events(std::function<void()> on_open, std::function<void(Event)> on_event) {
  auto opened = co_await client_.open(request("GET", "/events"), client_.options().call_timeout);
  if (!opened) co_return fail(std::move(opened.error()));
  const auto connection = *opened;
  connection->never_expires();
  on_open();
  JsonStream stream;
  while (true) {
    auto bytes = co_await connection->read_some();
    if (!bytes) co_return fail(std::move(bytes.error()));
    if (bytes->empty()) co_return fail(client_.about({ErrorCode::unavailable, "the stream of events has ended", {}}));
    std::string_view rest = *bytes;
    auto value = stream.next(rest);
    for (; value && *value; value = stream.next(rest)) {
      auto event = decode_event(**value);
      if (!event) co_return fail(client_.about(std::move(event.error())));
      on_event(std::move(*event));
    }
    if (!value) co_return fail(client_.about(context("stream of events", std::move(value.error()))));
  }
}

}  // namespace

std::unique_ptr<Engine> make_engine(asio::any_io_executor executor, Address address, EngineOptions options) {
  return std::make_unique<HttpEngine>(std::move(executor), std::move(address), std::move(options));
}

}  // namespace entropy::docker
