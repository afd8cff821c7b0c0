#include <spdlog/spdlog.h>

#include "api/byte_stream.hpp"
#include "api/input.hpp"
#include "api/resources.hpp"
#include "api/views_json.hpp"
#include "base/text.hpp"

namespace entropy::api {
namespace {

enum class Format { sse, json_lines };

Format format_of(const Request& request) {
  const std::string_view accept = request.header("Accept");
  for (const std::string_view lines : {"application/jsonl", "application/x-ndjson", "application/ndjson"}) {
    if (accept.find(lines) != std::string_view::npos) return Format::json_lines;
  }
  return Format::sse;
}

std::string printed(const control::Event& event, Format format) {
  const std::string json = policy::print_json(to_json(event));
  if (format == Format::json_lines) return json + "\n";
  return concat("id: ", event.id, "\nevent: ", event.type, "\ndata: ", json, "\n\n");
}

// Events were lost to the caller: what it knows must be asked for anew.
std::string printed_reset(Format format) {
  constexpr std::string_view why = "events before this one are no longer kept: read the state anew";
  const std::string json = policy::print_json({{"type", "reset"}, {"data", {{"message", why}}}});
  return format == Format::json_lines ? json + "\n" : concat("event: reset\ndata: ", json, "\n\n");
}

// Where a client begins to listen.
struct Beginning {
  std::uint64_t after = 0;
  std::optional<Time> since;
};

// What is kept since then, and the id of the newest event that is kept at all.
std::string replayed(const control::Service& service, Beginning& beginning, Format format) {
  std::string out;
  for (const auto& event : service.recent_events()) {
    beginning.after = event.id;
    if (event.time >= *beginning.since) out += printed(event, format);
  }
  return out;
}

boost::asio::awaitable<void> stream_events(control::Service* service, Limits limits, Beginning beginning, Format format,
                                           std::shared_ptr<Stream> stream) {
  const auto executor = co_await boost::asio::this_coro::executor;
  const auto outbox = std::make_shared<Outbox>(executor, limits.queued_bytes);
  std::string first = format == Format::sse ? ": connected\n\n" : "";
  if (beginning.since) first += replayed(*service, beginning, format);
  bool replaying = true;
  const auto on_event = [&first, &replaying, outbox, stream, format](const control::Event& event) {
    if (replaying) {
      first += printed(event, format);
    } else if (!outbox->push(printed(event, format)) && !outbox->closed()) {
      spdlog::warn("a client of /events is too slow and is dropped");
      outbox->close();
      stream->abort();
    }
  };
  auto subscription = service->subscribe(beginning.after, on_event);
  if (!subscription) {
    first += printed_reset(format);
    subscription = service->subscribe(0, on_event);
  }
  replaying = false;
  stream->on_gone([outbox] { outbox->close(); });
  std::string bytes = std::move(first);
  if (!co_await stream->write(std::move(bytes))) co_return;
  co_await pump(outbox, stream, format == Format::sse ? ": still here\n\n" : "", limits.heartbeat);
}

}  // namespace

Response get_events(const Call& call) {
  Parameters parameters(call);
  Beginning beginning{0, parameters.time("since", Way::ago)};
  const std::string_view last_id = call.request.header("Last-Event-ID");
  if (!last_id.empty()) {
    const auto id = parse_unsigned(last_id);
    if (!id) parameters.refuse("Last-Event-ID", id.error().message);
    beginning = {id.value_or(0), std::nullopt};
  }
  if (auto refusal = parameters.refusal()) return std::move(*refusal);
  const Format format = format_of(call.request);
  Response response{200, format == Format::sse ? "text/event-stream" : "application/jsonl", ""};
  response.stream = [service = call.service, limits = call.options->limits, beginning,
                     format](std::shared_ptr<Stream> stream) {
    return stream_events(service, limits, beginning, format, std::move(stream));
  };
  return response;
}

}  // namespace entropy::api
