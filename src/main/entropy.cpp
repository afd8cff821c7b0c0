#include "base/version.hpp"
#include "cli/cli.hpp"
#include "main/background.hpp"
#include "main/serve.hpp"

int main(int argc, char** argv) {
  return entropy::cli::run_cli(argc, argv,
                               {std::string(entropy::version), entropy::serve, entropy::serve_in_background});
}
