#pragma once

#include <string>
#include <string_view>

namespace imrelay {

// What the keys of an [[application]] and of a [[line]] begin with: "application.NAME.client_id".
inline constexpr std::string_view kApplication = "application.";
inline constexpr std::string_view kLine = "line.";
// A secret may also be given as <key>_file.
inline constexpr std::string_view kFileSuffix = "_file";

bool IsSecret(std::string_view name);
// Whether there is such a key, <key>_file of a secret included.
bool IsKnown(std::string_view name);
bool HasKnownSection(std::string_view key);

// Of a variable's end: the longest key of `tables` (kApplication or kLine), <key>_file of a secret
// included, that "SHOP_CLIENT_ID" ends with after an underscore; empty when there is none.
std::string KeyAtEndOf(std::string_view tables, std::string_view variable);

// "IMRELAY_DATABASE_URL" -> "database.url". The section ends at the first underscore.
std::string KeyOfVariable(std::string_view variable);

// What to tell somebody who wrote a key of this section that there is not: "; keys of this
// section: …", or the sections.
std::string KnownKeysOf(std::string_view section);

}  // namespace imrelay
