#include "docker/image_archive.hpp"

#include <openssl/evp.h>

#include <array>
#include <boost/json.hpp>
#include <cstdio>
#include <set>

#include "base/text.hpp"

namespace entropy::docker {

namespace json = boost::json;

namespace {

constexpr std::size_t block = 512;
constexpr std::size_t longest_name = 99;

#if defined(__x86_64__)
constexpr std::string_view architecture = "amd64";
#elif defined(__aarch64__)
constexpr std::string_view architecture = "arm64";
#else
#error "name this architecture as Go does (GOARCH)"
#endif

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  unsigned size = digest.size();
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : digest) {
    out += hex[byte >> 4];
    out += hex[byte & 15];
  }
  return out;
}

// POSIX ustar: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
class Tar {
 public:
  void folder(const std::string& name) { header(name + "/", 0755, 0, '5'); }
  void file(const std::string& name, unsigned mode, std::string_view bytes) {
    header(name, mode, bytes.size(), '0');
    out_ += bytes;
    out_.resize((out_.size() + block - 1) / block * block);
  }
  std::string finish() && {
    out_.resize(out_.size() + 2 * block);
    return std::move(out_);
  }

 private:
  void header(const std::string& name, unsigned mode, std::size_t size, char type) {
    std::array<char, block> h{};
    const auto octal = [&h](std::size_t at, int digits, std::size_t value) {
      std::snprintf(h.data() + at, static_cast<std::size_t>(digits) + 1, "%0*zo", digits, value);
    };
    name.copy(h.data(), longest_name);
    octal(100, 7, mode);
    octal(108, 7, 0);  // user
    octal(116, 7, 0);  // group
    octal(124, 11, size);
    octal(136, 11, 0);                    // time: none, for the same bytes every time
    std::fill_n(h.data() + 148, 8, ' ');  // the checksum counts itself as blanks
    h[156] = type;
    std::string_view(
        "ustar\0"
        "00",
        8)
        .copy(h.data() + 257, 8);
    std::size_t sum = 0;
    for (const char c : h) sum += static_cast<unsigned char>(c);
    octal(148, 6, sum);
    out_.append(h.data(), h.size());
  }

  std::string out_;
};

std::string make_layer(const std::vector<File>& files) {
  Tar layer;
  std::set<std::string> folders;
  for (const auto& file : files) {
    const std::string name = file.path.substr(1);
    for (std::size_t at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1)) {
      if (folders.insert(name.substr(0, at)).second) layer.folder(name.substr(0, at));
    }
    layer.file(name, file.mode, file.bytes);
  }
  return std::move(layer).finish();
}

Result<> check(const std::vector<File>& files) {
  for (const auto& file : files) {
    if (!file.path.starts_with('/') || file.path.ends_with('/') || file.path.size() > longest_name) {
      return fail(ErrorCode::invalid, concat("an image can't have a file ", quoted(file.path),
                                             ": an absolute path of at most ", longest_name, " bytes is needed"));
    }
  }
  return {};
}

}  // namespace

Result<Image> make_image(std::string tag, std::vector<File> files, std::vector<std::string> entrypoint,
                         std::map<std::string, std::string> labels) {
  if (auto good = check(files); !good) return fail(std::move(good.error()));
  const std::string layer = make_layer(files);
  const json::object config{
      {"architecture", architecture},
      {"config", {{"Entrypoint", json::value_from(entrypoint)}, {"Labels", json::value_from(labels)}}},
      {"created", "1970-01-01T00:00:00Z"},
      {"os", "linux"},
      {"rootfs", {{"type", "layers"}, {"diff_ids", json::array{concat("sha256:", sha256_hex(layer))}}}}};
  const std::string config_text = json::serialize(config);
  const std::string id = sha256_hex(config_text);
  const json::array manifest{
      json::object{{"Config", id + ".json"}, {"RepoTags", json::array{tag}}, {"Layers", json::array{"layer.tar"}}}};
  Tar tar;
  tar.file(id + ".json", 0644, config_text);
  tar.file("layer.tar", 0644, layer);
  tar.file("manifest.json", 0644, json::serialize(manifest));
  return Image{concat("sha256:", id), std::move(tar).finish()};
}

}  // namespace entropy::docker
