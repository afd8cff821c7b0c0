#include "kernel/backend.hpp"

#include "base/text.hpp"
#include "kernel/fallback.hpp"
#include "kernel/netem.hpp"
#include "kernel/userspace.hpp"

namespace entropy::kernel {

Result<std::unique_ptr<Backend>> make_netem_backend() {
  auto backend = NetemBackend::make();
  if (!backend) return fail(context("the netem backend does not work here", backend.error()));
  return backend;
}

Result<std::unique_ptr<Backend>> make_userspace_backend() {
  auto backend = UserspaceBackend::make();
  if (!backend) return fail(context("the userspace backend does not work here", backend.error()));
  return backend;
}

Result<std::unique_ptr<Backend>> make_backend() {
  auto netem = NetemBackend::make();
  auto userspace = make_userspace_backend();
  if (netem && userspace) return std::make_unique<FallbackBackend>(std::move(*netem), std::move(*userspace));
  if (netem) return std::move(*netem);
  if (userspace) return userspace;
  return fail(userspace.error().code,
              concat("the netem backend does not work here: ", netem.error().message, "; ", userspace.error().message));
}

}  // namespace entropy::kernel
