// Any bytes on a connection become the same requests wherever they are cut, and each of these has an answer.
#include <boost/asio.hpp>
#include <string>
#include <utility>
#include <vector>

#include "api/event_feed.hpp"
#include "api/request_reader.hpp"
#include "api/router.hpp"
#include "api/routes.hpp"
#include "check.hpp"
#include "fakes/fake_service.hpp"

namespace entropy::fuzz {
namespace {

// Inputs are shorter than the limit of a header: where that is reached depends on the pieces.
api::Limits small_limits() {
  api::Limits limits;
  limits.body_bytes = 512;
  return limits;
}

// False: no more bytes are wanted.
bool advance(api::RequestReader& reader, std::vector<api::Request>& requests) {
  using State = api::RequestReader::State;
  while (true) {
    const State state = reader.advance();
    if (state == State::complete) {
      requests.push_back(reader.take());
    } else if (state == State::refused) {
      require(reader.refusal().status >= 400);
      return false;
    } else if (state != State::held_back) {
      return state == State::incomplete;
    }
  }
}

bool feed(api::RequestReader& reader, std::string_view bytes, std::vector<api::Request>& requests) {
  while (!bytes.empty()) {
    const auto room = reader.room();
    const std::size_t count = std::min(room.size(), bytes.size());
    bytes.copy(static_cast<char*>(room.data()), count);
    reader.add(count);
    bytes.remove_prefix(count);
    if (!advance(reader, requests)) return false;
  }
  return true;
}

void ask(const api::Request& request) {
  boost::asio::io_context io;
  control::FakeService service;
  api::Options options;
  options.token = "t";
  options.no_auth = request.body.size() % 2 == 0;
  bool answered = false;
  const api::Backend backend{&service, &options, std::make_shared<api::EventFeed>(io.get_executor(), service)};
  boost::asio::co_spawn(io, api::dispatch(api::routes(), backend, request),
                        [&](const std::exception_ptr& thrown, const api::Response& response) {
                          require(!thrown && response.status >= 200 && response.status < 600 && response.status != 500);
                          answered = true;
                        });
  io.run();
  require(answered);
}

}  // namespace

void check(std::string_view input) {
  std::vector<api::Request> whole;
  api::RequestReader at_once(small_limits());
  if (!input.empty()) feed(at_once, input.substr(1), whole);

  std::vector<api::Request> pieces;
  api::RequestReader bit_by_bit(small_limits());
  bool more = true;
  feed_in_pieces(input, [&](std::string_view piece) { more = more && feed(bit_by_bit, piece, pieces); });
  // (A broken header may be refused before or after it is all there.)
  require(whole.size() == pieces.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    require(whole[i].target == pieces[i].target && whole[i].body == pieces[i].body);
    ask(whole[i]);
  }
}

}  // namespace entropy::fuzz
