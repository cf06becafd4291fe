#pragma once

#include <string_view>

#include "codec/tree.h"

namespace imrelay {

// Whether a key says that its value is a token or a secret. Written again here, apart from the
// code that is fuzzed.
bool NamesToken(std::string_view key);
bool HasTokenKey(const Tree& tree);

bool Same(const Tree& a, const Tree& b);
bool HasEmptyMap(const Tree& tree);
// Whether every key and text is valid UTF-8.
bool IsUtf8(const Tree& tree);

// The tree less its keys that name tokens, and less what is empty then.
Tree Pruned(const Tree& tree);

// Holds of every tree that was read: its limits, and that each key is found where it stands.
void CheckTree(const Tree& tree);

// Holds of every tree: as JSON it is valid UTF-8; where it can come back, it comes back the same.
void CheckJson(const Tree& tree);

}  // namespace imrelay
