#pragma once

#include <map>
#include <string>

#include "bitrix24/authorization_server.h"

namespace imrelay {

// The Bitrix24 applications this service stands for, by name. A local application belongs to one
// portal, so a service for many portals has many. "" is the unnamed one of [bitrix24]; the others
// are the [[application]] tables of the configuration, reached at /bitrix24/NAME/event.
using Applications = std::map<std::string, ApplicationCredentials>;

}  // namespace imrelay
