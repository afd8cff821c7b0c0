// halt, resume.
#include <ostream>

#include "cli/command.hpp"

namespace entropy::cli {

void add_halt_commands(Commands& commands) {
  const auto reason = std::make_shared<std::string>();
  CLI::App& halt = commands.add(
      "halt", "the big red button: undo every fault, start none until resume", "entropy halt --reason 'incident 42'",
      [reason](const Context& context) {
        return context.call("PUT", "/v1/halt", {{"reason", *reason}}, [&](const boost::json::value&) {
          context.console.err << "entropy: halted: every fault is read back as gone; entropy resume goes on\n";
          return done;
        });
      });
  halt.add_option("--reason", *reason, "why, for those who wonder later")->type_name("TEXT");
  commands.add("resume", "go on after a halt", "entropy resume", [](const Context& context) {
    return context.call("DELETE", "/v1/halt", nullptr, [&](const boost::json::value&) {
      context.console.err << "entropy: resumed\n";
      return done;
    });
  });
}

}  // namespace entropy::cli
