// How long one form body takes to decode.
// Usage: imrelay-decoder form|event|rapidjson FILE SECONDS; prints nanoseconds a body.
//   form       the tree, as PHP's parse_str makes it
//   event      the tree and the typed event
//   rapidjson  RapidJSON's own document of the same data as JSON, for comparison
#include <rapidjson/document.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <utility>

#include "codec/event_decoder.h"
#include "codec/form.h"
#include "codec/json.h"

namespace {

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "imrelay-decoder: %s\n", message.c_str());
  std::exit(1);
}

std::string ReadBody(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) Die(std::string("cannot read ") + path);
  std::ostringstream body;
  body << file.rdbuf();
  return std::move(body).str();
}

bool DecodesForm(const std::string& body) {
  const imrelay::Result<imrelay::Tree> tree = imrelay::ParseForm(body);
  return tree && !tree->items().empty();
}

bool DecodesEvent(const std::string& body) {
  const imrelay::Result<imrelay::Tree> tree = imrelay::ParseForm(body);
  if (!tree) return false;
  const imrelay::Result<imrelay::Event> event = imrelay::DecodeEvent(*tree);
  return event && event->unusable.empty();
}

bool ParsesJson(const std::string& json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  return !document.HasParseError() && document.IsObject();
}

std::string AsJson(const std::string& body) {
  const imrelay::Result<imrelay::Tree> tree = imrelay::ParseForm(body);
  if (!tree) Die("no form");
  return imrelay::ToJson(*tree);
}

double NanosecondsEach(double seconds, const std::function<bool()>& decode) {
  using std::chrono::steady_clock;
  const steady_clock::time_point start = steady_clock::now();
  std::chrono::duration<double> taken{};
  long count = 0;
  while (taken.count() < seconds) {
    for (int i = 0; i < 100; ++i)
      if (!decode()) Die("the body cannot be decoded");
    count += 100;
    taken = steady_clock::now() - start;
  }
  return taken.count() * 1e9 / static_cast<double>(count);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) Die("usage: imrelay-decoder form|event|rapidjson FILE SECONDS");
  const std::string what = argv[1];
  std::string body = ReadBody(argv[2]);
  std::function<bool()> decode;
  if (what == "form") decode = [&] { return DecodesForm(body); };
  if (what == "event") decode = [&] { return DecodesEvent(body); };
  if (what == "rapidjson") {
    body = AsJson(body);
    decode = [&] { return ParsesJson(body); };
  }
  if (!decode) Die("no such case: " + what);
  std::printf("%.0f\n", NanosecondsEach(std::atof(argv[3]), decode));
}
