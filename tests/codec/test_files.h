#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace imrelay {

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The recorded bodies of tests/data/wire, by their form files, sorted.
inline std::vector<std::filesystem::path> WireForms() {
  std::vector<std::filesystem::path> forms;
  for (const auto& entry : std::filesystem::directory_iterator(IMRELAY_TEST_DATA "/wire")) {
    if (entry.path().extension() == ".form") forms.push_back(entry.path());
  }
  std::sort(forms.begin(), forms.end());
  return forms;
}

// One recorded body: WireForm("linedelete").
inline std::string WireForm(const std::string& name) {
  return ReadFile(std::string(IMRELAY_TEST_DATA "/wire/") + name + ".form");
}

}  // namespace imrelay
