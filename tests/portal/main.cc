// imrelay-portal: the stand-in for Bitrix24 as a program, for the demo and the end-to-end suites.
#include <pthread.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/portal/stand_in.h"

namespace {

constexpr const char* kUsage =
    "usage: imrelay-portal [--listen 127.0.0.1:PORT] [--portals 127.0.0.1:PORT]\n"
    "                      [--client-id ID] [--client-secret SECRET]\n"
    "                      [--application NAME:CLIENT_ID:SECRET]...\n"
    "A stand-in for Bitrix24 (authorization server and portals) on the loopback, for tests and "
    "the\n"
    "demo. PORT 0 takes a free one. Ends on SIGTERM or SIGINT.\n";

std::optional<int> PortOf(std::string_view listen) {
  constexpr std::string_view kHost = "127.0.0.1:";
  if (!listen.starts_with(kHost)) return std::nullopt;
  const std::string port(listen.substr(kHost.size()));
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos) {
    return std::nullopt;
  }
  const int number = std::atoi(port.c_str());
  if (number > 65535) return std::nullopt;
  return number;
}

bool AddApplication(std::string_view text, imrelay::StandIn::Options& options) {
  const std::size_t first = text.find(':');
  const std::size_t second = first == text.npos ? text.npos : text.find(':', first + 1);
  if (second == text.npos || second == first + 1) return false;
  options.more_applications.push_back({std::string(text.substr(0, first)),
                                       std::string(text.substr(first + 1, second - first - 1)),
                                       std::string(text.substr(second + 1))});
  return true;
}

std::optional<imrelay::StandIn::Options> OptionsOf(int argc, char** argv) {
  imrelay::StandIn::Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) return std::nullopt;
    if (name == "--listen") {
      const std::optional<int> port = PortOf(argv[i + 1]);
      if (!port) return std::nullopt;
      options.port = *port;
    } else if (name == "--portals") {
      const std::optional<int> port = PortOf(argv[i + 1]);
      if (!port) return std::nullopt;
      options.portals_port = *port;
    } else if (name == "--application") {
      if (!AddApplication(argv[i + 1], options)) return std::nullopt;
    } else if (name == "--client-id") {
      options.client_id = argv[i + 1];
    } else if (name == "--client-secret") {
      options.client_secret = argv[i + 1];
    } else {
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<imrelay::StandIn::Options> options = OptionsOf(argc, argv);
  if (!options) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  // Blocked before any thread starts, so that only sigwait() below takes them.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  const std::unique_ptr<imrelay::StandIn> stand_in = imrelay::StandIn::Start(*options);
  if (!stand_in) {
    std::fprintf(stderr, "imrelay-portal: cannot listen on 127.0.0.1:%d and %d\n", options->port,
                 options->portals_port);
    return 69;
  }
  std::printf("listening on %s\nportals at %s\n", stand_in->Url().c_str(),
              stand_in->ClientEndpoint().c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  return 0;
}
