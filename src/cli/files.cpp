#include "cli/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <istream>
#include <map>

#include "base/text.hpp"
#include "policy/document.hpp"

namespace entropy::cli {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> unreadable(const std::string& path, std::string_view why) {
  return fail(Error{ErrorCode::invalid, concat(path, ": ", why), {{path, std::string(why)}}});
}

bool is_policy_file(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

Result<std::vector<std::string>> files_of(const std::string& path) {
  std::error_code error;
  if (path == "-" || !fs::is_directory(path, error)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    if (is_policy_file(entry.path())) files.push_back(entry.path().string());
  }
  if (error) return unreadable(path, error.message());
  if (files.empty()) return unreadable(path, "there is no *.yaml, *.yml or *.json in it");
  std::ranges::sort(files);
  return files;
}

// At most one byte more than the longest that is read, so that the reader refuses what is longer.
std::string read_all(std::istream& in) {
  std::string text(policy::longest_text + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

Result<std::string> read_file(const std::string& path, const Console& console) {
  if (path == "-") {
    if (console.in == nullptr) return unreadable(path, "there is no standard input");
    return read_all(*console.in);
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return unreadable(path, std::strerror(errno));
  std::string text = read_all(file);
  if (file.bad()) return unreadable(path, "cannot be read");
  return text;
}

void append_problems(std::vector<FieldError>& problems, const Error& error) {
  problems.insert(problems.end(), error.fields.begin(), error.fields.end());
}

void read_one(const std::string& path, const Console& console, std::vector<policy::FilePolicy>& policies,
              std::vector<FieldError>& problems) {
  const auto text = read_file(path, console);
  if (!text) return append_problems(problems, text.error());
  auto read = policy::read_policy_file(path == "-" ? "(standard input)" : path, *text);
  if (!read) return append_problems(problems, read.error());
  std::ranges::move(*read, std::back_inserter(policies));
}

}  // namespace

Result<std::vector<policy::FilePolicy>> read_policy_files(const std::vector<std::string>& paths,
                                                          const Console& console) {
  std::vector<policy::FilePolicy> policies;
  std::vector<FieldError> problems;
  for (const auto& path : paths) {
    const auto files = files_of(path);
    if (!files) append_problems(problems, files.error());
    for (const auto& file : files.value_or(std::vector<std::string>())) read_one(file, console, policies, problems);
  }
  std::map<std::string, std::string> places;
  for (const auto& each : policies) {
    const auto [known, fresh] = places.emplace(each.draft.policy.name, each.place);
    if (!fresh) problems.push_back({each.place, concat(each.draft.policy.name, " is at ", known->second, " already")});
  }
  if (problems.empty()) return policies;
  return fail(Error{ErrorCode::invalid, problems.front().message, std::move(problems)});
}

}  // namespace entropy::cli
