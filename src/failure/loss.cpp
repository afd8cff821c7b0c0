#include "failure/loss.hpp"

namespace entropy::failure {
namespace {

constexpr auto optional = Presence::optional;

Result<> check_models(const Loss& loss) {
  const GilbertElliott& ge = loss.gilbert_elliott;
  const Markov& markov = loss.markov;
  if (ge != GilbertElliott{} && markov != Markov{}) {
    return fail(ErrorCode::invalid, "gives two models: a failure has one");
  }
  if (ge != GilbertElliott{} && (!ge.p || (ge.p->value == 0 && ge.k.value_or(Percent{100}).value == 100))) {
    return fail(ErrorCode::invalid, "model.gilbert-elliott loses nothing: give p, the chance that the line turns bad");
  }
  if (markov == Markov{}) return {};
  if (!markov.p13) return fail(ErrorCode::invalid, "model.markov needs p13, the chance that a burst of losses begins");
  const double from_1 = markov.p13->value + markov.p14.value_or(Percent{0}).value;
  const double from_3 =
      markov.p31.value_or(Percent{100 - markov.p13->value}).value + markov.p32.value_or(Percent{0}).value;
  if (from_1 == 0) return fail(ErrorCode::invalid, "model.markov loses nothing: give p13 or p14");
  if (from_1 > 100 || from_3 > 100) {
    return fail(ErrorCode::invalid, "the chances of model.markov to leave a state (p13 + p14, p31 + p32) exceed 100%");
  }
  return {};
}

}  // namespace

const std::vector<Field<Loss>>& Loss::fields() {
  static const std::vector<Field<Loss>> table = with_filter<Loss>({
      field<&Loss::percent>("percent", optional, "the share of packets that get lost; this or a model is needed"),
      field<&Loss::correlation>("correlation", optional, "only 0: the kernel's own is wrong"),
      field<&Loss::gilbert_elliott, &GilbertElliott::p>("model.gilbert-elliott.p", optional,
                                                        "the chance that a good line turns bad"),
      field<&Loss::gilbert_elliott, &GilbertElliott::r>("model.gilbert-elliott.r", optional,
                                                        "that a bad one turns good (100 - p)"),
      field<&Loss::gilbert_elliott, &GilbertElliott::h>("model.gilbert-elliott.h", optional,
                                                        "that a packet survives on a bad line (0)"),
      field<&Loss::gilbert_elliott, &GilbertElliott::k>("model.gilbert-elliott.k", optional,
                                                        "that a packet survives on a good line (100)"),
      field<&Loss::markov, &Markov::p13>("model.markov.p13", optional, "the chance that a burst of losses begins"),
      field<&Loss::markov, &Markov::p31>("model.markov.p31", optional, "that it ends (100 - p13)"),
      field<&Loss::markov, &Markov::p32>("model.markov.p32", optional, "that packets survive within it (0)"),
      field<&Loss::markov, &Markov::p23>("model.markov.p23", optional, "that they get lost again (100)"),
      field<&Loss::markov, &Markov::p14>("model.markov.p14", optional, "that a single packet gets lost (0)"),
  });
  return table;
}

Result<> Loss::check() const {
  const bool has_model = gilbert_elliott != GilbertElliott{} || markov != Markov{};
  if (!has_model && percent.value == 0) {
    return fail(ErrorCode::invalid, "a loss of 0 does nothing: give a percent, as in 10%, or a model");
  }
  if (has_model && percent.value != 0) {
    return fail(ErrorCode::invalid, "gives a percent and a model: a failure has one of them");
  }
  if (correlation.value != 0) {
    return fail(ErrorCode::invalid,
                "correlated loss is not offered: netem's gives a wrong rate (20% at correlation 50% loses 2.7%); "
                "leave correlation out, or use the model gilbert-elliott for bursts");
  }
  return check_models(*this);
}

}  // namespace entropy::failure
