#include "codec/form.h"

#include <algorithm>
#include <string>

#include "codec/form_name.h"

namespace imrelay {
namespace {

// The first of the pairs in `rest`, which it is taken from; empty when there is none left.
std::string_view TakePair(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of('&'), rest.size()));
  const std::string_view pair = rest.substr(0, rest.find('&'));
  rest.remove_prefix(pair.size());
  return pair;
}

bool TooManyPairs(std::string_view body) {
  if (std::count(body.begin(), body.end(), '&') < kMaxKeys) return false;
  int pairs = 0;
  while (!TakePair(body).empty()) {
    if (++pairs > kMaxKeys) return true;
  }
  return false;
}

// Puts one value where its name says, making the maps on the way. Where PHP gives up half-way, the
// maps made so far stay.
void Register(const FormName& name, std::string value, Tree& root) {
  Tree* map = &root;
  const std::vector<FormName::Key>& path = name.path();
  for (std::size_t i = 0; i < path.size(); ++i) {
    const FormName::Key& key = path[i];
    if (key && name.Forbids(*key)) return;
    const bool last = i + 1 == path.size();
    if (key && !last) {
      Tree* child = map->FindMutable(*key);
      map = child != nullptr && !child->is_text() ? child : &map->Set(*key, Tree());
    } else if (key) {
      map->Set(*key, Tree(std::move(value)));
    } else {
      map = map->Append(last ? Tree(std::move(value)) : Tree());
      if (map == nullptr) return;
    }
  }
}

}  // namespace

Result<Tree> ParseForm(std::string_view body) {
  if (body.size() > kMaxBodyBytes) {
    return Fail(ErrorCode::kInvalidArgument, "the body is larger than 1 MiB", "body_too_large");
  }
  body = body.substr(0, body.find('\0'));  // PHP reads the body as a C string
  if (TooManyPairs(body)) {
    return Fail(ErrorCode::kInvalidArgument, "the body has more than 4000 keys", "too_many_keys");
  }

  Tree root;
  FormName name;
  for (std::string_view pair = TakePair(body); !pair.empty(); pair = TakePair(body)) {
    const std::size_t equals = std::min(pair.find('='), pair.size());
    name.Read(pair.substr(0, equals));
    if (name.path().size() > kMaxLevels) {
      return Fail(ErrorCode::kInvalidArgument, "the body is nested more than 16 levels deep",
                  "too_deep");
    }
    std::string value;
    if (equals < pair.size()) DecodeUrl(pair.substr(equals + 1), value);
    Register(name, std::move(value), root);
  }
  return root;
}

}  // namespace imrelay
