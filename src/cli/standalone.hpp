// The service that `run --standalone` brings along: its data in a folder of its own, listening on a socket in there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/command.hpp"

namespace entropy::cli {

class StandaloneService {
 public:
  // Waits until an engine is connected; else the error says why.
  static Result<StandaloneService> start(const Context& context, const std::vector<std::string>& endpoints);
  StandaloneService(StandaloneService&&) = default;
  StandaloneService& operator=(StandaloneService&&) = delete;
  ~StandaloneService();

  const Client& client() const { return *client_; }
  const std::string& folder() const { return folder_; }  // its data directory
  // Everything is rolled back; an error says what is left.
  Result<> stop();

 private:
  StandaloneService() = default;
  Result<> wait_until_up();
  std::string last_words() const;

  std::string folder_;
  std::unique_ptr<BackgroundService> service_;
  std::unique_ptr<Client> client_;
};

}  // namespace entropy::cli
