#pragma once

#include "tests/portal/cloud.h"

namespace httplib {
class Server;
}  // namespace httplib

namespace imrelay::stand_in {

// The portal's pages that open the application's in a frame, by a form that the browser posts:
//   GET  /frame/install   the application's own page; begins an installation where there is none
//   GET  /frame/settings  the settings of a connector on a line, placement SETTING_CONNECTOR
//   POST /frame/finish    what BX24.installFinish() comes to
//   GET  /api/v1/         a small BX24, in the place of https://api.bitrix24.com/api/v1/
// README.md tells the parameters.
void ServeFrames(Cloud& cloud, httplib::Server& server);
void ServeBx24(httplib::Server& server);

}  // namespace imrelay::stand_in
