#include "main/injector_image.hpp"

#include "base/text.hpp"
#include "base/version.hpp"
#include "docker/image_archive.hpp"

// Made by the linker (-b binary) of the injector's program.
extern "C" {
extern const char _binary_entropy_injector_start[];
extern const char _binary_entropy_injector_end[];
}

namespace entropy {

Result<control::InjectorImage> injector_image() {
  const std::string program(_binary_entropy_injector_start, _binary_entropy_injector_end);
  const auto made_as = [&](std::string tag) {
    std::vector<docker::File> files = {{"/entropy-injector", 0755, program}};
    std::map<std::string, std::string> labels = {{"org.opencontainers.image.title", "entropy-injector"},
                                                 {"org.opencontainers.image.version", std::string(version)},
                                                 {"org.opencontainers.image.licenses", "Apache-2.0"}};
    return docker::make_image(std::move(tag), std::move(files), {"/entropy-injector"}, std::move(labels));
  };
  // The id is the hash of the content; the tag that contains it can only be written then.
  const auto content = made_as(concat("entropy-injector:", version));
  if (!content) return fail(content.error());
  const std::string_view hash = std::string_view(content->id).substr(content->id.find(':') + 1, 12);
  const std::string reference = concat("entropy-injector:", version, "-", hash);
  auto image = made_as(reference);
  if (!image) return fail(image.error());
  return control::InjectorImage{reference, std::move(image->tar)};
}

}  // namespace entropy
