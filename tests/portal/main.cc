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
    "usage: imrelay-portal [--listen 127.0.0.1:PORT] [--client-id ID] [--client-secret SECRET]\n"
    "A stand-in for Bitrix24 (authorization server and portal) on the loopback, for tests and the\n"
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

std::optional<imrelay::StandIn::Options> OptionsOf(int argc, char** argv) {
  imrelay::StandIn::Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) return std::nullopt;
    if (name == "--listen") {
      const std::optional<int> port = PortOf(argv[i + 1]);
      if (!port) return std::nullopt;
      options.port = *port;
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
    std::fprintf(stderr, "imrelay-portal: cannot listen on 127.0.0.1:%d\n", options->port);
    return 69;
  }
  std::printf("listening on %s\n", stand_in->Url().c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  return 0;
}
