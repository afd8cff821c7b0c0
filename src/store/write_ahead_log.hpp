// SQLite's write-ahead log (https://www.sqlite.org/fileformat2.html#walformat), looked at before SQLite does: it takes
// a log for ended where a checksum is wrong, and writes over what follows.
#pragma once

#include <istream>
#include <string>

namespace entropy::store {

// Why the log is damaged; empty: it is whole, but for a last transaction that may be cut short, as after a power
// failure.
std::string fault_of_log(std::istream& log);

}  // namespace entropy::store
