# What comes from Debian 12's packages, each as one target.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(spdlog REQUIRED)
pkg_check_modules(fcgi REQUIRED IMPORTED_TARGET fcgi)
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core)
# Header-only and found on the default path: <tl/expected.hpp>, <rapidjson/…>, <CLI/CLI.hpp>, <toml++/toml.h>,
# <doctest/doctest.h>, <httplib.h>.
