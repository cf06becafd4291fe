#pragma once

#include <string>

#include "app/commands.h"

namespace imrelay {

// `imrelay doctor`: looks at everything between a button in Bitrix24 and the database and prints
// what it found; with `fix` it first does what is safe (see Remedy). Prints no secret.
//
// kFoundWrong when anything fails, what is away or locked too: telling that is its work. A
// configuration that cannot be read is printed as a finding like any other, but nothing else can be
// looked at then, and the exit is kConfiguration.
//
// A look changes nothing of ours; a call to a portal whose access token ran out renews it, as every
// call does.
struct DoctorOptions {
  bool fix = false;
  bool json = false;
};
Exit DoctorCommand(const std::string& config_file, const DoctorOptions& options, Streams& streams);

}  // namespace imrelay
