// Trying what an engine's kernel can do, for `entropy doctor`, and what a custom image does, for its author.
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/text.hpp"
#include "control/labels.hpp"
#include "control/reconciler_runtime.hpp"
#include "control/trial.hpp"
#include "program/report_reader.hpp"

namespace entropy::control {
namespace {

// What an examiner says until it ends, which it does by itself.
docker::Task<std::vector<program::Examined>> hear_out(docker::Engine& engine, std::string id) {
  constexpr Duration patience = std::chrono::seconds(20);
  auto attached = co_await engine.attach(id);
  if (!attached) co_return fail(attached.error());
  const std::shared_ptr<docker::AttachStream> stream = std::move(*attached);
  boost::asio::steady_timer deadline(co_await boost::asio::this_coro::executor, patience);
  deadline.async_wait([stream](const boost::system::error_code& cancelled) {
    if (!cancelled) stream->close();
  });
  const auto started = co_await engine.start_container(id);
  if (!started) co_return fail(started.error());
  std::vector<program::Examined> heard;
  program::LineSplitter lines;
  for (;;) {
    const auto output = co_await stream->read();
    if (!output) break;
    lines.feed(output->bytes, [&](std::string_view line) {
      auto report = program::parse_report(line);
      if (!report) return;
      if (auto* examined = std::get_if<program::Examined>(&*report)) heard.push_back(std::move(*examined));
    });
  }
  if (heard.empty()) co_return fail(ErrorCode::protocol, "the injector says nothing");
  co_return heard;
}

}  // namespace

docker::Task<std::vector<program::Examined>> Reconciler::examine(Endpoint& where) {
  const auto image = co_await ensure_image(where);
  if (!image) co_return fail(image.error());
  auto spec = examiner_spec(where.name(), options_.manager_id, options_.image.reference);
  const auto id = co_await where.engine().create_container(std::move(spec));
  if (!id) co_return fail(id.error());
  auto heard = co_await hear_out(where.engine(), *id);
  // It removes itself when it ends; one that never started would stay.
  (void)co_await where.engine().remove_container(*id);
  where.forget(*id);
  co_return heard;
}

docker::Task<TrialView> Reconciler::try_image(Endpoint& where, policy::CustomFailure custom) {
  if (trying_) co_return fail(ErrorCode::conflict, "another image is being tried: wait until that is done");
  const auto image = co_await ensure_image(where);
  if (!image) co_return fail(image.error());
  trying_ = true;
  Trial trial(executor_, where, options_.manager_id, options_.image.reference);
  auto view = co_await trial.run(std::move(custom));
  trying_ = false;
  co_return view;
}

}  // namespace entropy::control
