#include <boost/asio.hpp>

#include "api/byte_stream.hpp"
#include "api/input.hpp"
#include "api/resources.hpp"
#include "api/views_json.hpp"
#include "base/text.hpp"
#include "policy/custom_json.hpp"

namespace entropy::api {
namespace {

namespace asio = boost::asio;
using Action = control::Service::InjectorAction;

constexpr std::string_view log_type = "text/plain; charset=utf-8";
constexpr std::size_t most_waiting = 1024 * 1024;      // bytes of a log on its way to a slow reader
constexpr std::size_t longest_log = 16 * 1024 * 1024;  // in one answer; what is beyond can be followed

asio::awaitable<Response> act(Call call, Action action) {
  const std::string id = call.args[0];
  const auto acted = co_await call.service->act_on_injector(id, action, call.caller);
  co_return acted ? Response{204, "", ""} : problem(acted.error());
}

// Runs beside the pump; closes the outbox at the log's end, or where the reader lags too far behind.
asio::awaitable<void> read_log(control::Service* service, std::string id, std::size_t tail,
                               std::shared_ptr<Outbox> outbox, std::shared_ptr<bool> whole) {
  const auto sink = [outbox, whole](std::string_view piece) { return *whole = outbox->push(piece); };
  const auto read = co_await service->injector_logs(id, true, tail, sink);
  if (!read) outbox->push(concat("entropy: ", read.error().message, "\n"));
  outbox->close();
}

asio::awaitable<void> stream_log(control::Service* service, std::string id, std::size_t tail,
                                 std::shared_ptr<Stream> stream) {
  const auto executor = co_await asio::this_coro::executor;
  const auto outbox = std::make_shared<Outbox>(executor, most_waiting);
  const auto stop_reading = std::make_shared<asio::cancellation_signal>();
  // A log that is silent for long would otherwise be read on for nobody.
  stream->on_gone([outbox, stop_reading] {
    outbox->close();
    stop_reading->emit(asio::cancellation_type::terminal);
  });
  const auto at_end = [outbox, stop_reading](const std::exception_ptr&) { outbox->close(); };
  const auto whole = std::make_shared<bool>(true);
  asio::co_spawn(executor, read_log(service, std::move(id), tail, outbox, whole),
                 asio::bind_cancellation_slot(stop_reading->slot(), at_end));
  co_await pump(outbox, stream, "", std::chrono::hours(1));
  // An orderly end would look as if this had been all.
  if (!*whole) stream->abort();
}

struct Trial {
  std::string endpoint;  // empty: the first that is up
  policy::CustomFailure custom;
};

// {"image": ..., "failure": as in a policy (the image's first one), "endpoint": ...}
Read<Trial> read_trial(const Request& request) {
  const auto body = read_json(request);
  if (!body) return std::unexpected(body.error());
  const auto* object = body->if_object();
  if (object == nullptr) return std::unexpected(problem(400, "the body is a JSON object"));
  Trial trial;
  std::vector<FieldError> errors;
  for (const auto& [key, value] : *object) {
    if (key == "image" || key == "failure") continue;
    if (key != "endpoint") {
      errors.push_back(
          {key, concat("unknown field ", quoted(key), did_you_mean(key, {"image", "failure", "endpoint"}))});
    } else if (const auto* text = value.if_string()) {
      trial.endpoint = *text;
    } else {
      errors.push_back({key, "is not text"});
    }
  }
  const auto* image = object->if_contains("image");
  const auto* failure = object->if_contains("failure");
  if (image == nullptr) errors.push_back({"image", "is missing: the image to be tested"});
  auto custom = policy::read_custom(image == nullptr ? boost::json::value("any") : *image,
                                    failure == nullptr ? boost::json::value("any") : *failure);
  if (!custom) errors.insert(errors.end(), custom.error().fields.begin(), custom.error().fields.end());
  if (!errors.empty())
    return std::unexpected(problem(400, concat(errors.front().field, ": ", errors.front().message), errors));
  if (failure == nullptr) custom->name.clear();
  trial.custom = std::move(*custom);
  return trial;
}

}  // namespace

Response list_injectors(const Call& call) { return json_response(to_json(call.service->injectors())); }

Response get_injector(const Call& call) {
  const auto view = call.service->injector(call.args[0]);
  return view ? json_response(to_json(*view)) : problem(view.error());
}

asio::awaitable<Response> get_injector_logs(Call call) {
  constexpr std::uint64_t most_lines = 100'000;
  Parameters parameters(call);
  const bool follow = parameters.flag("follow", false);
  const std::size_t tail = std::min(parameters.number("tail").value_or(most_lines), most_lines);
  if (auto refusal = parameters.refusal()) co_return std::move(*refusal);
  const auto view = call.service->injector(call.args[0]);
  if (!view) co_return problem(view.error());
  const std::string id = view->id;
  Response response{200, std::string(log_type), ""};
  if (follow) {
    response.stream = [service = call.service, id, tail](std::shared_ptr<Stream> stream) {
      return stream_log(service, id, tail, std::move(stream));
    };
    co_return response;
  }
  const auto sink = [&response](std::string_view piece) {
    response.body += piece;
    return response.body.size() < longest_log;
  };
  const auto read = co_await call.service->injector_logs(id, false, tail, sink);
  if (!read) co_return problem(read.error());
  co_return response;
}

asio::awaitable<Response> test_injector(Call call) {
  auto trial = read_trial(call.request);
  if (!trial) co_return trial.error();
  const auto view = co_await call.service->try_image(std::move(trial->endpoint), std::move(trial->custom));
  co_return view ? json_response(to_json(*view)) : problem(view.error());
}

asio::awaitable<Response> restart_injector(Call call) { return act(std::move(call), Action::restart); }
asio::awaitable<Response> pause_injector(Call call) { return act(std::move(call), Action::pause); }
asio::awaitable<Response> unpause_injector(Call call) { return act(std::move(call), Action::unpause); }

}  // namespace entropy::api
