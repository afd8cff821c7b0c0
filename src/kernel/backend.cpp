#include "kernel/backend.hpp"

#include "kernel/userspace.hpp"

namespace entropy::kernel {

Result<std::unique_ptr<Backend>> make_backend() {
  auto backend = UserspaceBackend::make();
  if (!backend) return fail(context("the userspace backend does not work here", backend.error()));
  return backend;
}

}  // namespace entropy::kernel
