// An authority with a server's and a client's certificate, in a folder of its own; made by the program `openssl`.
#pragma once

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "base/text.hpp"
#include "net/tls.hpp"

namespace entropy::fakes {

class Certificates {
 public:
  Certificates() {
    char name[] = "/tmp/entropy-certificates-XXXXXX";
    folder_ = ::mkdtemp(name);
    openssl("req -x509 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem");
    issue("server", "subjectAltName=DNS:localhost,IP:127.0.0.1");
    issue("client", "extendedKeyUsage=clientAuth");
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  std::string file(std::string_view name) const { return concat(folder_, "/", name); }
  net::TlsFiles of(std::string_view who) const {
    return {file("ca.pem"), file(concat(who, ".pem")), file(concat(who, ".key"))};
  }
  net::TlsFiles authority() const { return {file("ca.pem"), "", ""}; }

 private:
  void openssl(const std::string& arguments) const {
    const std::string key =
        arguments.find("-keyout") == std::string::npos ? "" : " -newkey ec -pkeyopt ec_paramgen_curve:P-256";
    const std::string command =
        concat("cd ", folder_, " && openssl ", arguments, key, " 2>log || { cat log; exit 1; }");
    if (std::system(command.c_str()) != 0) throw std::runtime_error(command);
  }
  void issue(std::string_view who, std::string_view extension) const {
    openssl(concat("req -nodes -subj /CN=", who, " -keyout ", who, ".key -out ", who, ".csr"));
    if (std::system(concat("echo ", extension, " > ", folder_, "/extension").c_str()) != 0)
      throw std::runtime_error("");
    openssl(concat("x509 -req -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial -extfile extension -in ", who,
                   ".csr -out ", who, ".pem"));
  }

  std::string folder_;
};

}  // namespace entropy::fakes
