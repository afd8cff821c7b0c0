// What rules do to the packets of a class, hook by hook. Pure functions.
#pragma once

#include "kernel/match_rules.hpp"
#include "kernel/ruleset.hpp"

namespace entropy::kernel {

inline constexpr std::uint32_t share_steps = 1'000'000'000;

// The hooks, as a packet meets them: output, postrouting, egress of a device; ingress of a device, input, arrived.
enum class Stage { output, postrouting, egress, ingress, input, arrived };
std::string_view to_string(Stage stage);
Direction direction_of(Stage stage);

// Whether a class has anything to do in a hook.
bool has_work(Stage stage, const Effect& effect, const Surroundings& around);

// Whether a class of egress is sent to the qdiscs.
bool passes_qdiscs(const Effect& egress, const Surroundings& around);

// The rules of a hook before those that tell the classes apart.
std::vector<nft::Rule> prelude(Stage stage, nft::Family family, const Traffic& traffic, const Surroundings& around);

// The rules of a class's own chain.
std::vector<nft::Rule> class_rules(Stage stage, nft::Family family, const Effect& effect, unsigned slot,
                                   const Surroundings& around);

// The rules that send the answers of name servers to their queue.
std::vector<nft::Rule> name_rules(const Surroundings& around);

}  // namespace entropy::kernel
