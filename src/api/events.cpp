
#include "api/byte_stream.hpp"
#include "api/event_feed.hpp"
#include "api/input.hpp"
#include "api/resources.hpp"
#include "api/views_json.hpp"
#include "base/text.hpp"
#include "control/log.hpp"

namespace entropy::api {
namespace {

EventFormat format_of(const Request& request) {
  const std::string_view accept = request.header("Accept");
  for (const std::string_view lines : {"application/jsonl", "application/x-ndjson", "application/ndjson"}) {
    if (accept.find(lines) != std::string_view::npos) return EventFormat::json_lines;
  }
  return EventFormat::sse;
}

// Events were lost to the caller: what it knows must be asked for anew.
std::string printed_reset(EventFormat format) {
  constexpr std::string_view why = "events before this one are no longer kept: read the state anew";
  const std::string json = policy::print_json({{"type", "reset"}, {"data", {{"message", why}}}});
  return format == EventFormat::json_lines ? json + "\n" : concat("event: reset\ndata: ", json, "\n\n");
}

// Where a client begins to listen: behind an event, at a time, or now.
struct Beginning {
  std::uint64_t after = 0;
  std::optional<Time> since;
};

// What has happened since then.
std::string replayed(control::Service& service, const Beginning& beginning, EventFormat format) {
  std::string out;
  const auto print = [&](const control::Event& event) { out += print_event(event, format); };
  if (beginning.since) {
    for (const auto& event : service.recent_events()) {
      if (event.time >= *beginning.since) print(event);
    }
  } else if (beginning.after != 0 && service.subscribe(beginning.after, print) == nullptr) {
    out += printed_reset(format);
  }
  return out;
}

boost::asio::awaitable<void> stream_events(std::shared_ptr<EventFeed> feed, control::Service* service, Limits limits,
                                           Beginning beginning, EventFormat format, std::shared_ptr<Stream> stream) {
  const auto outbox = std::make_shared<Outbox>(co_await boost::asio::this_coro::executor, limits.queued_bytes);
  const auto listener = feed->join(format, outbox, [outbox, stream] {
    log::warn("a client of /events is too slow and is dropped");
    outbox->close();
    stream->abort();
  });
  stream->on_gone([outbox] { outbox->close(); });
  std::string bytes = format == EventFormat::sse ? ": connected\n\n" : "";
  bytes += replayed(*service, beginning, format);
  if (!co_await stream->write(bytes)) co_return;
  co_await pump(outbox, stream, format == EventFormat::sse ? ": still here\n\n" : "", limits.heartbeat);
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
  const EventFormat format = format_of(call.request);
  Response response{200, format == EventFormat::sse ? "text/event-stream" : "application/jsonl", ""};
  response.stream = [feed = call.feed, service = call.service, limits = call.options->limits, beginning,
                     format](std::shared_ptr<Stream> stream) {
    return stream_events(feed, service, limits, beginning, format, std::move(stream));
  };
  return response;
}

}  // namespace entropy::api
