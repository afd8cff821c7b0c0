// The injector that this program carries, as an image to be loaded into engines.
#pragma once

#include "base/result.hpp"
#include "control/reconciler.hpp"

namespace entropy {

Result<control::InjectorImage> injector_image();

}  // namespace entropy
