// Real handshakes between two sockets.
#include <gmock/gmock.h>

#include <boost/asio.hpp>

#include "fakes/certificates.hpp"
#include "net/socket.hpp"

namespace entropy::net {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::HasSubstr;

class Tls : public testing::Test {
 protected:
  static const fakes::Certificates& certificates() {
    static const fakes::Certificates made;
    return made;
  }

  struct Outcome {
    error_code client;
    error_code server;
    std::string distrust;
    std::string peer;  // as the server knows it
    std::string text;  // that went there and back
  };
  Outcome talk(const TlsContext& server_context, const TlsContext& client_context, const std::string& host) {
    asio::io_context io;
    asio::local::stream_protocol::socket left(io);
    asio::local::stream_protocol::socket right(io);
    asio::local::connect_pair(left, right);
    const auto server = std::make_shared<Socket>(Socket::Plain(std::move(left)));
    const auto client = std::make_shared<Socket>(Socket::Plain(std::move(right)));
    server->expires_after(10s);
    client->expires_after(10s);
    Outcome outcome;
    asio::co_spawn(io, echo(server, server_context, outcome), asio::detached);
    asio::co_spawn(io, ask(client, client_context, host, outcome), asio::detached);
    io.run();
    return outcome;
  }

 private:
  static asio::awaitable<void> echo(std::shared_ptr<Socket> socket, TlsContext context, Outcome& outcome) {
    outcome.server = co_await socket->start_tls_as_server(context);
    if (!outcome.server) {
      outcome.peer = socket->peer_name();
      std::string bytes(64, '\0');
      const auto received = co_await socket->read_some(asio::buffer(bytes));
      bytes.resize(received.count);
      co_await socket->write(asio::buffer(bytes));
    }
    socket->close();
  }
  static asio::awaitable<void> ask(std::shared_ptr<Socket> socket, TlsContext context, std::string host,
                                   Outcome& outcome) {
    outcome.client = co_await socket->start_tls_as_client(context, host);
    outcome.distrust = socket->distrust();
    if (!outcome.client) {
      const std::string text = "hello";
      co_await socket->write(asio::buffer(text));
      std::string bytes(64, '\0');
      const auto received = co_await socket->read_some(asio::buffer(bytes));
      outcome.text = bytes.substr(0, received.count);
    }
    socket->close();
  }
};

TEST_F(Tls, EachSideKnowsTheOther) {
  const auto outcome = talk(*server_tls(certificates().of("server"), Clients::verified),
                            *client_tls(certificates().of("client")), "localhost");
  EXPECT_FALSE(outcome.server) << outcome.server.message();
  EXPECT_EQ(outcome.peer, "client");
  EXPECT_EQ(outcome.text, "hello");
}

TEST_F(Tls, AnAddressIsANameToo) {
  const auto outcome = talk(*server_tls(certificates().of("server"), Clients::any),
                            *client_tls(certificates().authority()), "127.0.0.1");
  EXPECT_EQ(outcome.text, "hello");
  EXPECT_EQ(outcome.peer, "");
}

TEST_F(Tls, AnotherNameIsRefused) {
  const auto outcome =
      talk(*server_tls(certificates().of("server"), Clients::any), *client_tls(certificates().authority()), "other");
  EXPECT_TRUE(outcome.client);
  EXPECT_THAT(outcome.distrust, HasSubstr("hostname mismatch"));
}

TEST_F(Tls, AnUnknownAuthorityIsRefused) {
  const auto outcome = talk(*server_tls(certificates().of("server"), Clients::any), *client_tls({}), "localhost");
  EXPECT_TRUE(outcome.client);
  EXPECT_NE(outcome.distrust, "");
}

TEST_F(Tls, AClientWithoutACertificateIsRefusedWhereOneIsWanted) {
  const auto outcome = talk(*server_tls(certificates().of("server"), Clients::verified),
                            *client_tls(certificates().authority()), "localhost");
  EXPECT_TRUE(outcome.server);
  EXPECT_EQ(outcome.text, "");
}

TEST_F(Tls, BadFilesAreNamed) {
  const auto message = [](const Result<TlsContext>& made) { return made ? "" : made.error().message; };
  EXPECT_THAT(message(client_tls({"/none.pem", "", ""})), HasSubstr("/none.pem"));
  EXPECT_THAT(message(server_tls({}, Clients::any)), HasSubstr("--tlscert"));
  EXPECT_THAT(message(server_tls({"", certificates().file("server.pem"), ""}, Clients::any)), HasSubstr("--tlskey"));
  const std::string of_another = certificates().file("client.key");
  EXPECT_THAT(message(server_tls({"", certificates().file("server.pem"), of_another}, Clients::any)),
              HasSubstr(of_another));
  auto without_authority = certificates().of("server");
  without_authority.ca.clear();
  EXPECT_THAT(message(server_tls(without_authority, Clients::verified)), HasSubstr("--tlscacert"));
}

}  // namespace
}  // namespace entropy::net
