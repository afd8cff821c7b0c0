// An image out of files, as the tar of `docker save` that `Engine::load_image` takes. In memory, and deterministic: the
// same input has the same bytes and the same id everywhere.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace entropy::docker {

struct File {
  std::string path;  // absolute; its folders are made, with mode 0755
  unsigned mode = 0644;
  std::string bytes;
};

struct Image {
  std::string id;  // "sha256:<hex>" of its config; `Engine::has_image(id)` tells whether it is loaded already
  std::string tar;
};

// `tag`: "name:tag", what the image is known as after loading. For the architecture this program is built for.
// ErrorCode::invalid for a path that is not absolute or longer than 99 bytes.
Result<Image> make_image(std::string tag, std::vector<File> files, std::vector<std::string> entrypoint,
                         std::map<std::string, std::string> labels);

}  // namespace entropy::docker
