#pragma once

#include <string>

#include "tests/portal/cloud.h"

namespace imrelay::stand_in {

// The life of an application in a portal.

struct NewInstallation {
  std::string client_id;          // empty: the first application
  std::string handler;            // where ONAPPINSTALL goes; empty: nowhere
  std::string application_token;  // empty: a fresh one
  std::string scope;
  std::int64_t user_id = 1;
  bool with_page = false;  // INSTALLED only after installFinish()
};

// An installation, or another one in the place of what is there: tokens and bindings of before are
// gone. An application without pages is installed at once, and its handler told.
Installation& Install(Cloud& cloud, Portal& portal, const NewInstallation& wanted);

// BX24.installFinish(): nothing happens when it is installed already.
void FinishInstallation(Cloud& cloud, Portal& portal, Installation& installation);

// A new version; with pages, its bindings and connectors are gone and it is not installed until
// installFinish(). An empty application_token stays as it was.
void Update(Cloud& cloud, Portal& portal, Installation& installation, bool with_page,
            const std::string& application_token);

// Its tokens belong to nobody from now on.
void Uninstall(Cloud& cloud, Portal& portal, Installation& installation, bool clean);

// The portal answers at another host:port from now on, and 302 at this one.
void Rename(Portal& portal, const std::string& address);

// What a page of the application is opened with.
struct Opening {
  std::int64_t user_id = 1;
  bool admin = true;
  std::string language = "en";
  std::string placement = "DEFAULT";
  std::string options;        // PLACEMENT_OPTIONS; empty: left out
  bool current_cloud = true;  // SERVER_ENDPOINT, APPLICATION_TOKEN, APPLICATION_SCOPE too
};

// {"query": {DOMAIN, ...}, "body": {AUTH_ID, ...}}
PhpValue Open(Cloud& cloud, Portal& portal, Installation& installation, const Opening& opening);

// PLACEMENT_OPTIONS of a connector's settings on a line.
std::string SettingOptions(const Portal& portal, const std::string& connector, std::int64_t line);

}  // namespace imrelay::stand_in
