#pragma once

#include <memory>

#include "app/config.h"
#include "base/clock.h"
#include "base/result.h"
#include "crypto/keyring.h"
#include "install/applications.h"
#include "store/sqlite/sqlite_store.h"

namespace imrelay {

// What every command that touches the database needs.
struct Service {
  std::unique_ptr<SqliteStore> store;
  Keyring keyring;
};

// Opens the database, which is migrated, and the key file, both made when there are none, and
// checks that they belong together.
// Errors: kUnavailable when the database is away; kInvalidArgument when the key file or the
// configuration is at fault.
Result<Service> OpenService(const Config& config, Patience patience = Patience::kOfCommands);

// The key file of the configured database; made when there is neither it nor a database that needs
// it. Errors: as OpenService.
Result<Keyring> OpenKeyring(const Config& config);

// The key file, which must be there. Errors: as OpenService.
Result<Keyring> OpenExistingKeyring(const Config& config);

// Opens a configured secret: as it stands, or the one that was sealed under the key file.
// Errors: kInvalidArgument, naming the key.
Result<Secret> OpenSecret(const ConfiguredSecret& configured, const Keyring& keyring);

// The configured applications, their secrets opened. Errors: as OpenSecret.
Result<Applications> OpenApplications(const Config& config, const Keyring& keyring);

// What a sealed configuration value begins with, and what it is sealed for.
inline constexpr const char* kSealedPrefix = "sealed:";
inline constexpr const char* kSealedPurpose = "configuration";

}  // namespace imrelay
