#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>

#include "codec/ascii.h"
#include "codec/body.h"
#include "codec/form_name.h"

namespace imrelay {
namespace {

using rapidjson::SizeType;

constexpr std::array<std::string_view, 6> kSecretWords = {"token",  "auth_id", "refresh_id",
                                                          "secret", "app_sid", "password"};

// In lower case, and with `_` for what PHP may make one of: APP.SID and auth[id become app_sid and
// auth_id.
char Plain(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return c == '.' || c == ' ' || c == '[' ? '_' : c;
}

constexpr std::array<bool, 256> kBeginsSecret = [] {
  std::array<bool, 256> begins{};
  for (const std::string_view word : kSecretWords) {
    begins[static_cast<unsigned char>(word[0])] = true;
    begins[static_cast<unsigned char>(word[0] - 'a' + 'A')] = true;
  }
  return begins;
}();

bool BeginsWithSecret(std::string_view name) {
  return std::any_of(kSecretWords.begin(), kSecretWords.end(), [name](std::string_view word) {
    return name.size() >= word.size() &&
           std::equal(word.begin(), word.end(), name.begin(),
                      [](char letter, char c) { return letter == Plain(c); });
  });
}

// Whether a name as it was sent may be a secret's. Quick, because nearly none is.
bool MayNameSecret(std::string_view name) {
  for (; !name.empty(); name.remove_prefix(1)) {
    if (kBeginsSecret[static_cast<unsigned char>(name[0])] && BeginsWithSecret(name)) return true;
  }
  return false;
}

bool NamesSecret(std::string_view name) {
  const std::string lower = LowerAscii(name);
  return std::any_of(kSecretWords.begin(), kSecretWords.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

// A name is looked at both as it was sent and as PHP reads it.
bool NamesSecret(const FormName& name) {
  return NamesSecret(name.decoded()) ||
         std::any_of(name.path().begin(), name.path().end(),
                     [](const FormName::Key& key) { return key && NamesSecret(*key); });
}

std::string FormWithoutTokens(std::string_view body) {
  // Where ParseForm stops. What follows was never read, and without the pair before it it would be.
  body = body.substr(0, body.find('\0'));
  std::string kept;
  kept.reserve(body.size());
  std::string decoded;
  FormName name;
  bool first = true;
  for (bool more = true; more;) {
    const std::size_t end = std::min(body.find('&'), body.size());
    const std::string_view pair = body.substr(0, end);
    more = end < body.size();
    body.remove_prefix(more ? end + 1 : end);
    const std::string_view encoded = pair.substr(0, pair.find('='));
    DecodeUrl(encoded, decoded);
    if (MayNameSecret(decoded)) {
      name.Read(encoded);
      if (NamesSecret(name)) continue;
    }
    if (!first) kept.push_back('&');
    first = false;
    kept.append(pair);
  }
  // An empty pair means nothing to PHP, and so no journalled form looks like JSON.
  if (kept.starts_with('{')) kept.insert(kept.begin(), '&');
  return kept;
}

// Passes everything on to the writer except the members whose name is a secret's.
class SecretFilter : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, SecretFilter> {
 public:
  bool Null() {
    return Leaf([&] { writer_.Null(); });
  }
  bool Bool(bool value) {
    return Leaf([&] { writer_.Bool(value); });
  }
  bool RawNumber(const char* text, SizeType length, bool /*copy*/) {
    return Leaf([&] { writer_.RawValue(text, length, rapidjson::kNumberType); });
  }
  bool String(const char* text, SizeType length, bool /*copy*/) {
    return Leaf([&] { writer_.String(text, length, true); });
  }
  bool Key(const char* name, SizeType length, bool /*copy*/) {
    if (skipped_levels_ > 0) return true;
    skip_next_ = NamesSecret(std::string_view(name, length));
    if (!skip_next_) writer_.Key(name, length, true);
    return true;
  }
  bool StartObject() {
    return Begin([&] { writer_.StartObject(); });
  }
  bool EndObject(SizeType /*members*/) {
    return End([&] { writer_.EndObject(); });
  }
  bool StartArray() {
    return Begin([&] { writer_.StartArray(); });
  }
  bool EndArray(SizeType /*elements*/) {
    return End([&] { writer_.EndArray(); });
  }

  std::string Take() const { return std::string(buffer_.GetString(), buffer_.GetSize()); }

 private:
  template <class Write>
  bool Leaf(Write write) {
    if (!skip_next_ && skipped_levels_ == 0) write();
    skip_next_ = false;
    return true;
  }

  template <class Write>
  bool Begin(Write write) {
    if (skip_next_ || skipped_levels_ > 0) {
      ++skipped_levels_;
    } else {
      write();
    }
    skip_next_ = false;
    return true;
  }

  template <class Write>
  bool End(Write write) {
    if (skipped_levels_ > 0) {
      --skipped_levels_;
    } else {
      write();
    }
    return true;
  }

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
  bool skip_next_ = false;
  int skipped_levels_ = 0;
};

std::string JsonWithoutTokens(std::string_view body) {
  if (body.find('\0') != std::string_view::npos) return {};
  SecretFilter filter;
  rapidjson::MemoryStream stream(body.data(), body.size());
  rapidjson::Reader reader;
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  if (!reader.Parse<kFlags>(stream, filter)) return {};
  std::string kept = filter.Take();
  return kept.starts_with('{') ? kept : std::string();
}

}  // namespace

std::string WithoutTokens(BodyFormat format, std::string_view body) {
  return format == BodyFormat::kJson ? JsonWithoutTokens(body) : FormWithoutTokens(body);
}

BodyFormat FormatOfJournalled(std::string_view body) {
  return body.starts_with('{') ? BodyFormat::kJson : BodyFormat::kForm;
}

}  // namespace imrelay
