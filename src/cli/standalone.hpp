// The service that `run --standalone` brings along: its data in a folder of its own, listening on a socket in there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/command.hpp"
#include "cli/run_folder.hpp"

namespace entropy::cli {

class StandaloneService {
 public:
  // Waits until an engine is connected; else the error says why.
  static Result<StandaloneService> start(const Context& context, const std::vector<std::string>& endpoints);
  const Client& client() const { return *client_; }
  const std::string& folder() const { return folder_.path(); }  // its data directory
  // Everything is rolled back; an error says what is left.
  Result<> stop();

 private:
  explicit StandaloneService(RunFolder folder) : folder_(std::move(folder)) {}
  Result<> wait_until_up();
  std::string last_words() const;

  RunFolder folder_;  // outlives the service
  std::unique_ptr<BackgroundService> service_;
  std::unique_ptr<Client> client_;
};

}  // namespace entropy::cli
