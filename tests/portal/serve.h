#pragma once

#include <string>

#include "tests/portal/cloud.h"

namespace httplib {
class Server;
}  // namespace httplib

namespace imrelay::stand_in {

// Puts the paths onto the servers. Calls may come on many threads.

// /oauth/token/, /rest/app.info of the authorization server; /control/….
void ServeAuthorization(Cloud& cloud, httplib::Server& server);
void ServeControl(Cloud& cloud, httplib::Server& server);
// /rest/METHOD of every portal.
void ServePortals(Cloud& cloud, httplib::Server& server);

}  // namespace imrelay::stand_in
