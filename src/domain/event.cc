#include "domain/event.h"

#include <strings.h>
#include <array>
#include <utility>

namespace imrelay {
namespace {

constexpr std::array<std::pair<EventKind, std::string_view>, 12> kNames{{
    {EventKind::kMessageAdd, "ONIMCONNECTORMESSAGEADD"},
    {EventKind::kMessageUpdate, "ONIMCONNECTORMESSAGEUPDATE"},
    {EventKind::kMessageDelete, "ONIMCONNECTORMESSAGEDELETE"},
    {EventKind::kDialogStart, "ONIMCONNECTORDIALOGSTART"},
    {EventKind::kDialogFinish, "ONIMCONNECTORDIALOGFINISH"},
    {EventKind::kStatusDelete, "ONIMCONNECTORSTATUSDELETE"},
    {EventKind::kLineDelete, "ONIMCONNECTORLINEDELETE"},
    {EventKind::kAppInstall, "ONAPPINSTALL"},
    {EventKind::kAppUpdate, "ONAPPUPDATE"},
    {EventKind::kAppUninstall, "ONAPPUNINSTALL"},
    {EventKind::kAppTest, "ONAPPTEST"},
    {EventKind::kOfflineEvent, "ONOFFLINEEVENT"},
}};

}  // namespace

std::string_view WireName(EventKind kind) {
  for (const auto& [known, name] : kNames) {
    if (known == kind) return name;
  }
  return {};
}

EventKind KindOf(std::string_view wire_name) {
  for (const auto& [kind, name] : kNames) {
    if (name.size() == wire_name.size() &&
        strncasecmp(name.data(), wire_name.data(), name.size()) == 0) {
      return kind;
    }
  }
  return EventKind::kOther;
}

}  // namespace imrelay
