// What `stop_when` and `start_when` ask addresses with.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "control/probe.hpp"

namespace entropy {

// Trusts the system's authorities.
std::shared_ptr<control::HttpProbe> make_http_probe(boost::asio::any_io_executor executor);

}  // namespace entropy
