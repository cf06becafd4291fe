#include "tests/fuzz/body_checks.h"
#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  imrelay::CheckBody(imrelay::BodyFormat::kJson, imrelay::InputOf(data, size));
  return 0;
}
