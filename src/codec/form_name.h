#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imrelay {

// Reads one name of a form the way PHP 8.2 does: php/php-src, main/php_variables.c,
// php_register_variable_ex(). Reusable, so that thousands of names share its memory.
class FormName {
 public:
  // A key of the path, or none where `[]` asks for the next free one.
  using Key = std::optional<std::string_view>;

  // Reads the name as it stands in the body, percent-encoding and all.
  void Read(std::string_view encoded);

  // The decoded name, whole: also what follows a NUL, where PHP stops reading.
  const std::string& decoded() const { return decoded_; }
  // The keys from the outermost in; empty for a name that PHP ignores. Valid until the next Read.
  // Reading stops at one key more than kMaxLevels.
  const std::vector<Key>& path() const { return path_; }

  // PHP drops a key that only its own renaming of blanks, dots and brackets would turn into a
  // cookie prefix, and by the way any such key inside brackets. Source: CVE-2022-31629,
  // CVE-2024-2756.
  bool Forbids(std::string_view key) const;

 private:
  std::string decoded_;
  std::string mangled_;
  std::vector<Key> path_;
  bool host_prefix_ = false;
  bool secure_prefix_ = false;
};

// Decodes `+` and %XX in either case; what is no valid %XX stays as it is.
void DecodeUrl(std::string_view encoded, std::string& decoded);

}  // namespace imrelay
