// imrelay-channel: the stand-in for a channel's service as a program, for the demo and the
// end-to-end suites.
#include <pthread.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/channel_service/service.h"

namespace {

using imrelay::channel_service::Service;

constexpr const char* kUsage =
    "usage: imrelay-channel [--listen 127.0.0.1:PORT] [--secret whsec_...] [--seed NUMBER]\n"
    "A stand-in for a channel's service on the loopback, for tests and the demo. PORT 0 takes a "
    "free\n"
    "one. With a secret, signatures are checked. Ends on SIGTERM or SIGINT.\n";

std::optional<int> NumberOf(std::string_view text) {
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != text.npos) {
    return std::nullopt;
  }
  return std::atoi(std::string(text).c_str());
}

std::optional<Service::Options> OptionsOf(int argc, char** argv) {
  constexpr std::string_view kHost = "127.0.0.1:";
  Service::Options options;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc) return std::nullopt;
    const std::string_view name = argv[i];
    std::string_view value = argv[i + 1];
    if (name == "--secret") {
      options.secret = value;
      continue;
    }
    if (name == "--listen") {
      if (!value.starts_with(kHost)) return std::nullopt;
      value.remove_prefix(kHost.size());
    } else if (name != "--seed") {
      return std::nullopt;
    }
    const std::optional<int> number = NumberOf(value);
    if (!number || (name == "--listen" && *number > 65535)) return std::nullopt;
    if (name == "--listen") options.port = *number;
    if (name == "--seed") options.seed = static_cast<unsigned>(*number);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Service::Options> options = OptionsOf(argc, argv);
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

  const std::unique_ptr<Service> service = Service::Start(*options);
  if (!service) {
    std::fprintf(stderr, "imrelay-channel: cannot listen on 127.0.0.1:%d\n", options->port);
    return 69;
  }
  std::printf("listening on %s\n", service->Url().c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  return 0;
}
