#include "main/http_probe.hpp"

#include "net/http_get.hpp"

namespace entropy {
namespace {

class SocketProbe final : public control::HttpProbe {
 public:
  explicit SocketProbe(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  docker::Task<control::HttpAnswer> get(HttpUrl url, Duration within, std::size_t most_bytes) override {
    net::HttpGet request{std::move(url), within, most_bytes};
    if (request.url.tls) {
      auto tls = net::client_tls({});
      if (!tls) co_return fail(tls.error());
      request.tls = std::move(*tls);
    }
    auto got = co_await net::http_get(executor_, std::move(request));
    if (!got) co_return fail(got.error());
    co_return control::HttpAnswer{got->status, std::move(got->body)};
  }

 private:
  boost::asio::any_io_executor executor_;
};

}  // namespace

std::shared_ptr<control::HttpProbe> make_http_probe(boost::asio::any_io_executor executor) {
  return std::make_shared<SocketProbe>(std::move(executor));
}

}  // namespace entropy
