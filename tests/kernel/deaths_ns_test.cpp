// Deaths of the owner under each failure: at once every packet arrives as it was sent. (Delay, loss, partition: in
// kernel_ns_test; names: in names_ns_test.)
#include <gmock/gmock.h>

#include <csignal>
#include <numeric>

#include "kernel/backends.hpp"

namespace entropy::testing {
namespace {

using kernel::Effect;

class DeathTest : public BackendTest {};
INSTANTIATE_TEST_SUITE_P(Backend, DeathTest, every_backend, backend_name);

std::vector<std::pair<const char*, Effect>> effects() {
  std::vector<std::pair<const char*, Effect>> all(4);
  all[0].first = "duplicate";
  all[0].second.duplicate = 1;
  all[1].first = "corrupt";
  all[1].second.corrupt = 1;
  all[2].first = "rate";
  all[2].second.rate = kernel::RateCap{64'000, 0, 1000};
  all[3].first = "loss by a model";
  all[3].second.models = {kernel::GilbertElliott{1, 0, 0, 1}};
  return all;
}

constexpr int count = 100;

bool is_undisturbed(const Lab& lab, Side from) {
  std::vector<int> sent(count);
  std::iota(sent.begin(), sent.end(), 0);
  return stream(lab, from, Ip::v4, count, 0us) == sent;
}

TEST_P(DeathTest, NothingOutlivesItsOwner) {
  for (const auto& [name, effect] : effects()) {
    SCOPED_TRACE(name);
    InjectorProcess injector(*lab, {effect, effect}, make);
    ASSERT_TRUE(injector.ready());
    // What netem caps comes late, but all and in order.
    if (!effect.rate) EXPECT_FALSE(is_undisturbed(*lab, Side::target));
    injector.signal(SIGKILL);
    injector.wait();
    // What a bucket of the kernel's holds comes out in its time, between what is sent later.
    const auto patience = effect.rate ? 8s : 1s;
    for (const Side from : {Side::target, Side::peer}) {
      EXPECT_TRUE(wait_until(patience, [&] { return is_undisturbed(*lab, from); }));
    }
  }
}

}  // namespace
}  // namespace entropy::testing
