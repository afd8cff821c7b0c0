// Asking addresses outside, for `stop_when` and `start_when`: the edge.
#pragma once

#include <string>

#include "base/url.hpp"
#include "docker/engine.hpp"

namespace entropy::control {

struct HttpAnswer {
  unsigned status = 0;
  std::string body;  // at most as much of it as was asked for
};

class HttpProbe {
 public:
  virtual ~HttpProbe() = default;
  // One GET on a connection of its own; redirects are answers like others. Ends within the time.
  virtual docker::Task<HttpAnswer> get(HttpUrl url, Duration within, std::size_t most_bytes) = 0;
};

}  // namespace entropy::control
