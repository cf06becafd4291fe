#include "codec/json.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <string>
#include <utility>
#include <vector>

#include "codec/form.h"

namespace imrelay {
namespace {

// Builds the tree while RapidJSON reads, so that the limits hold before anything is built. null,
// [] and {} are kept as empty maps until their map ends: they still take a list's index and still
// replace an earlier value of their key.
class TreeBuilder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, TreeBuilder> {
 public:
  bool Null() { return Leaf(Tree()); }
  bool Bool(bool value) { return Leaf(Tree(value ? "1" : "0")); }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    return Leaf(Tree(std::string(text, length)));
  }
  bool String(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    return Leaf(Tree(std::string(text, length)));
  }
  bool Key(const char* name, rapidjson::SizeType length, bool /*copy*/) {
    open_.back().key.assign(name, length);
    return true;
  }
  bool StartObject() { return Open(Kind::kObject); }
  bool EndObject(rapidjson::SizeType /*members*/) { return Close(); }
  bool StartArray() { return !open_.empty() && Open(Kind::kArray); }
  bool EndArray(rapidjson::SizeType /*elements*/) { return Close(); }

  Tree TakeRoot() { return std::move(root_); }
  // Why reading was stopped: a limit's reason; empty when the text itself is wrong.
  const std::string& reason() const { return reason_; }

 private:
  enum class Kind { kObject, kArray };
  struct Level {
    Kind kind;
    std::string key;  // of an object: the key whose value comes next
    Tree tree;
  };

  bool Stop(const char* reason) {
    reason_ = reason;
    return false;
  }

  bool Open(Kind kind) {
    if (open_.size() == kMaxLevels) return Stop("too_deep");
    open_.push_back(Level{kind, {}, {}});
    return true;
  }

  bool Close() {
    Tree done = std::move(open_.back().tree);
    open_.pop_back();
    done.DropEmptyMaps();
    if (open_.empty()) {
      root_ = std::move(done);
      return true;
    }
    // A map with entries is not counted: what it holds was.
    return done.items().empty() ? Leaf(std::move(done)) : Place(std::move(done));
  }

  bool Leaf(Tree value) {
    if (open_.empty()) return false;
    if (++values_ > kMaxKeys) return Stop("too_many_keys");
    return Place(std::move(value));
  }

  bool Place(Tree value) {
    Level& level = open_.back();
    if (level.kind == Kind::kArray) {
      level.tree.Append(std::move(value));
    } else {
      level.tree.Set(level.key, std::move(value));
    }
    return true;
  }

  std::vector<Level> open_;
  Tree root_;
  int values_ = 0;
  std::string reason_;
};

}  // namespace

Result<Tree> ParseJson(std::string_view body) {
  if (body.size() > kMaxBodyBytes) {
    return Fail(ErrorCode::kInvalidArgument, "the body is larger than 1 MiB", "body_too_large");
  }
  // RapidJSON takes a NUL for the end, whatever follows it.
  if (body.find('\0') != std::string_view::npos) {
    return Fail(ErrorCode::kInvalidArgument, "the body is no JSON object", "bad_json");
  }

  TreeBuilder builder;
  rapidjson::MemoryStream stream(body.data(), body.size());
  rapidjson::Reader reader;
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  if (reader.Parse<kFlags>(stream, builder)) return builder.TakeRoot();
  if (builder.reason() == "too_deep") {
    return Fail(ErrorCode::kInvalidArgument, "the body is nested more than 16 levels deep",
                "too_deep");
  }
  if (builder.reason() == "too_many_keys") {
    return Fail(ErrorCode::kInvalidArgument, "the body has more than 4000 values", "too_many_keys");
  }
  return Fail(ErrorCode::kInvalidArgument, "the body is no JSON object", "bad_json");
}

}  // namespace imrelay
