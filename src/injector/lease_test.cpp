// The manager's hold on an injector: lease, pause, stop, and lines that are no commands.
#include "injector/injector_fixture.hpp"
#include "injector/no_backend.hpp"

namespace entropy::injector {
namespace {

using program::FaultEnded;
using program::FaultFailed;

TEST_F(InjectorTest, WithoutAManagerEverythingIsRolledBackAfterTheLease) {
  auto entry = slow_entry();
  entry.schedule.duration = 10s;
  follow({entry});
  injector_.on_command(program::Lease{8s});
  EXPECT_EQ(injector_.wake_at().steady, steady_.elapsed() + 8s);
  advance_alone(8s - 1us);
  EXPECT_TRUE(last_state().leased);
  forget();
  advance_alone(1us);
  EXPECT_THAT(story(), ElementsAre("log", "cut short slow 0", "state"));
  EXPECT_FALSE(last_state().leased);
  EXPECT_TRUE(last_state().clean);
  EXPECT_EQ(last_state().revision, 0U);
  EXPECT_EQ(injector_.wake_at().wall, policy::never);
}

TEST_F(InjectorTest, TheFirstLeaseIsThirtySeconds) {
  advance_alone(30s - 1us);
  EXPECT_THAT(story(), IsEmpty());
  advance_alone(1us);
  EXPECT_FALSE(last_state().leased);
}

TEST_F(InjectorTest, RenewalsAreSilent) {
  for (int i = 0; i < 100; ++i) advance(10s);
  EXPECT_THAT(story(), IsEmpty());
}

TEST_F(InjectorTest, AManagerThatComesBackHandsTheProgramAgain) {
  follow({slow_entry()});
  advance_alone(30s);
  forget();
  injector_.on_command(program::Lease{30s});
  EXPECT_THAT(story(), ElementsAre("state"));
  EXPECT_TRUE(last_state().leased);
  EXPECT_THAT(backend_.applies, IsEmpty());
  go_to(epoch + 30s);
  follow({slow_entry()});
  EXPECT_EQ(last_state().active.size(), 1U);
}

TEST_F(InjectorTest, LeavesAfterTenLeasesAlone) {
  injector_.on_command(program::Lease{2s});
  advance_alone(2s);
  EXPECT_EQ(injector_.wake_at().steady, steady_.elapsed() + 18s);
  advance_alone(18s - 1us);
  EXPECT_EQ(injector_.exit_code(), std::nullopt);
  advance_alone(1us);
  EXPECT_EQ(injector_.exit_code(), 0);
}

TEST_F(InjectorTest, FrozenForLongItRollsBackBeforeItLeaves) {
  go_to(epoch);
  follow({slow_entry()});
  advance_alone(1h);
  EXPECT_EQ(injector_.exit_code(), 0);
  EXPECT_EQ(all<FaultEnded>().size(), 1U);
  EXPECT_TRUE(last_state().clean);
}

TEST_F(InjectorTest, ClockJumpsDoNotEndTheLease) {
  clock_.advance(24h);
  injector_.on_time();
  EXPECT_THAT(story(), IsEmpty());
  EXPECT_EQ(injector_.exit_code(), std::nullopt);
}

TEST_F(InjectorTest, PausedItStartsNothingUntilUnpause) {
  go_to(epoch);
  follow({slow_entry()});
  forget();
  injector_.on_command(program::Pause{});
  EXPECT_THAT(story(), ElementsAre("cut short slow 0", "state"));
  EXPECT_TRUE(last_state().paused);
  EXPECT_TRUE(last_state().clean);
  go_to(epoch + 11s);
  follow({slow_entry(), lossy_entry()});
  EXPECT_THAT(last_state().active, IsEmpty());
  forget();
  injector_.on_command(program::Unpause{});
  EXPECT_THAT(story(), ElementsAre("started slow 1", "started lossy 1", "state"));
  EXPECT_FALSE(last_state().paused);
}

TEST_F(InjectorTest, StopRollsBackAndExits) {
  go_to(epoch);
  follow({slow_entry()});
  forget();
  injector_.on_command(program::Stop{});
  EXPECT_THAT(story(), ElementsAre("cut short slow 0", "state"));
  EXPECT_TRUE(last_state().clean);
  EXPECT_EQ(injector_.exit_code(), 0);
  forget();
  follow({slow_entry()});
  injector_.on_time();
  injector_.stop();
  EXPECT_THAT(story(), IsEmpty());
}

TEST_F(InjectorTest, StopWithNothingToUndoIsAnsweredToo) {
  injector_.stop();
  EXPECT_THAT(story(), ElementsAre("state"));
  EXPECT_EQ(injector_.exit_code(), 0);
}

TEST_F(InjectorTest, StopThatCantCleanUpSaysSo) {
  go_to(epoch);
  follow({slow_entry()});
  backend_.stuck = backend_.held;
  backend_.refuses = [](const kernel::State&) { return std::optional(Error{ErrorCode::internal, "busy", {}}); };
  injector_.stop();
  EXPECT_EQ(injector_.exit_code(), 1);
  EXPECT_FALSE(last_state().clean);
}

TEST_F(InjectorTest, LinesAreCommands) {
  injector_.on_line(program::encode(program::Program{9, {slow_entry()}}));
  EXPECT_EQ(last_state().revision, 9U);
  forget();
  injector_.on_line("");
  injector_.on_line("lease 1s");
  EXPECT_THAT(story(), IsEmpty());
  injector_.on_line("dance");
  EXPECT_THAT(story(), ElementsAre("log"));
}

TEST_F(InjectorTest, ALineThatIsNoCommandDoesNotRenewTheLease) {
  advance_alone(29s);
  injector_.on_line("dance");
  advance_alone(1s);
  EXPECT_FALSE(last_state().leased);
}

TEST_F(InjectorTest, WithoutABackendItLivesAndSaysWhy) {
  NoBackend none({ErrorCode::unsupported, "this kernel is too old", {}});
  Injector injector({none, clock_, steady_, "1.2.3", "this kernel is too old"},
                    [this](program::Report report) { reports_.push_back(std::move(report)); });
  injector.start();
  EXPECT_EQ(last_state().backend, "none");
  EXPECT_EQ(last_state().message, "this kernel is too old");
  clock_.set(epoch);
  forget();
  injector.on_command(program::Program{1, {slow_entry()}});
  EXPECT_THAT(story(), ElementsAre("failed slow 0", "state"));
  EXPECT_EQ(all<FaultFailed>()[0].message, "this kernel is too old");
  EXPECT_TRUE(last_state().clean);
}

}  // namespace
}  // namespace entropy::injector
