// The SQLite file: opened, checked, brought up to date; what SQLite throws becomes an Error that names the file.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/text.hpp"
#include "store/store.hpp"

namespace entropy::store {

inline std::int64_t to_column(Time time) { return time.time_since_epoch().count(); }

inline void bind_time(SQLite::Statement& statement, const char* name, const std::optional<Time>& time) {
  if (time) {
    statement.bind(name, to_column(*time));
  } else {
    statement.bind(name);
  }
}

inline std::optional<Time> time_column(SQLite::Column column) {
  if (column.isNull()) return std::nullopt;
  return Time(Duration(column.getInt64()));
}

class Store::Database {
 public:
  // A damaged file, or one of a newer version, is refused before anything is written; so is one with a damaged log.
  static Result<std::unique_ptr<Database>> open(const std::string& path);

  template <class T>
  Result<T> run(std::string_view doing, const std::function<T(SQLite::Database&)>& work) {
    const int changes_before = sqlite_.getTotalChanges();
    try {
      if constexpr (std::is_void_v<T>) {
        work(sqlite_);
        note_success(changes_before);
        return {};
      } else {
        T result = work(sqlite_);
        note_success(changes_before);
        return result;
      }
    } catch (const SQLite::Exception& e) {
      Error error = error_of(doing, e);
      trouble_ = error.message;
      return fail(std::move(error));
    }
  }

  // Why the last change could not be kept, or something could not be read since; empty: it was.
  const std::string& trouble() const { return trouble_; }

 private:
  explicit Database(const std::string& path)
      : path_(path), sqlite_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {}
  Error error_of(std::string_view doing, const SQLite::Exception& exception) const;
  void note_success(int changes_before) {
    if (sqlite_.getTotalChanges() != changes_before) trouble_.clear();
  }
  // Closing the last connection writes the log into the file and removes it, unless it is to be kept.
  void keep_log(bool keep);
  Result<> check();
  Result<> prepare();

  std::string path_;
  SQLite::Database sqlite_;
  std::string trouble_;
};

}  // namespace entropy::store
