#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace imrelay {

// A path below /bitrix24/: "/bitrix24/event", or "/bitrix24/NAME/event" of the application NAME.
struct ApplicationPath {
  std::string application;  // "" is the unnamed one
  std::string_view page;    // "event", "install"; a view of what was parsed
};

// None for any other path. Whether there is such an application or page is not looked at.
std::optional<ApplicationPath> ParseApplicationPath(std::string_view path);

}  // namespace imrelay
